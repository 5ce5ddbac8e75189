package embedded

import "slices"

// File is the table as geodata encodes it, for those who hand it on.
func File() []byte { return slices.Clone(file) }
