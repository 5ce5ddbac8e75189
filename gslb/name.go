package gslb

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// SiteID names a site: one serving location. It is a DNS label ("fra").
type SiteID string

// Line names an ISP line ("telecom", "unicom", "mobile", "edu").
type Line string

// NoLine is a line that is not known or not declared. DefaultLine is what an operator declares for an address that
// serves whoever has no address of their own line.
const (
	NoLine      Line = ""
	DefaultLine Line = "default"
)

// Name is an absolute domain name in lower case with its final dot ("chat.edge.example.").
type Name string

// Limits of RFC 1035 section 2.3.4. A name of 253 characters and its final dot is 255 octets on the wire.
const (
	maxLabelOctets = 63
	maxNameOctets  = 254
)

// ErrName is the reason for every name that ParseName refuses.
var ErrName = errors.New("not a host name")

// ParseName reads a host name, with or without its final dot, in any case. It takes letters, digits, hyphens and
// underscores only: exported names are what clients type, not everything that RFC 2181 section 11 permits.
func ParseName(s string) (Name, error) {
	name := strings.Map(lower, strings.TrimSuffix(s, ".")) + "."
	if name == "." || len(name) > maxNameOctets {
		return "", fmt.Errorf("%w: %q has %d characters, want 1 to %d", ErrName, s, len(name)-1, maxNameOctets-1)
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if err := CheckLabel(label); err != nil {
			return "", fmt.Errorf("%w in %q", err, s)
		}
	}
	return Name(name), nil
}

// CheckLabel says whether a lower-case label may stand in a host name.
func CheckLabel(label string) error {
	if label == "" || len(label) > maxLabelOctets {
		return fmt.Errorf("%w: label %q has %d characters, want 1 to %d", ErrName, label, len(label), maxLabelOctets)
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return fmt.Errorf("%w: label %q begins or ends with a hyphen", ErrName, label)
	}
	for _, c := range label {
		if c > unicode.MaxASCII {
			return fmt.Errorf("%w: character %q: write the name in its xn-- form", ErrName, c)
		}
		if !isLabelByte(byte(c)) {
			return fmt.Errorf("%w: character %q", ErrName, c)
		}
	}
	return nil
}

// lower knows ASCII only: strings.ToLower would make a k of the Kelvin sign.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r - 'A' + 'a'
	}
	return r
}

func isLabelByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// Under says whether n is zone or a name below it.
func (n Name) Under(zone Name) bool {
	for ; n != zone; n = n.Parent() {
		if n == "." || len(n) < len(zone) {
			return false
		}
	}
	return true
}

// Parent is the name without its first label; the root's parent is the root. Names of queries come with a backslash
// before every dot that is part of a label (RFC 1035 section 5.1).
func (n Name) Parent() Name {
	for i := 0; i < len(n)-1; i++ {
		switch n[i] {
		case '\\':
			i++
		case '.':
			return n[i+1:]
		}
	}
	return "."
}
