// Package files opens the geo files that an operator names, and notices when they change.
//
// It stands between geodata's readers and the daemons: the name server, the hub and the CLI all come to a table by Open,
// so that `tidegate geodata verify` says what the others would. It reads files and looks at the clock; what the table
// means is geodata's.
package files
