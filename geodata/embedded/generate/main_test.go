package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata/lines"
)

func TestConfirm(t *testing.T) {
	list, err := lines.Parse("1 edu Some University\n2 edu Another University\n")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "asn.csv")
	if err := os.WriteFile(path, []byte("1.0.0.0,1.0.0.255,1,Some University\n1.0.1.0,1.0.1.255,2,\"Sold, Ltd\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	holders := map[lines.ASN]string{}
	if err := readHolders(path, holders); err != nil {
		t.Fatal(err)
	}
	err = confirm(list, holders)
	if want := `AS 2 is "Another University", the database has "Sold, Ltd"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("confirm = %v, want an error with %q", err, want)
	}
	if strings.Contains(err.Error(), "AS 1 ") {
		t.Errorf("confirm = %v, but AS 1 is as the list says", err)
	}
}
