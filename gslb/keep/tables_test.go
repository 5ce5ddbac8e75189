package keep

import "testing"

// Tables are kept beside the maps, one of each source.
func TestTables(t *testing.T) {
	f := open(t)
	for _, step := range []struct {
		source TableSource
		save   string
		own    string
		hub    string
	}{
		{OwnTable, "own 1", "own 1", ""},
		{HubTable, "hub 1", "own 1", "hub 1"},
		{OwnTable, "own 2", "own 2", "hub 1"},
	} {
		if err := f.SaveTable(step.source, []byte(step.save)); err != nil {
			t.Fatal(err)
		}
		for source, want := range map[TableSource]string{OwnTable: step.own, HubTable: step.hub} {
			if got, err := f.LoadTable(source); err != nil || string(got) != want {
				t.Errorf("after %q: %s is %q, %v; want %q", step.save, source, got, err, want)
			}
		}
	}
	if k, ok := newest(t, f); ok {
		t.Errorf("a table counts as the map %+v", k)
	}
}
