package tidegate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
)

// geoChoice is the table that a name server starts with.
type geoChoice struct {
	table   *geodata.Table
	from    node.GeoFrom
	kept    bool
	trouble string
}

// chooseGeo opens the operator's files; without any, the table that the hub sent last. What can't be read must not keep a
// name server from its names: the last good table that is kept serves then, else the embedded one, and trouble says why, in
// the log and in the status.
func chooseGeo(s settings, folder *keep.Folder, log *slog.Logger) (geoChoice, error) {
	if len(s.geoFiles) == 0 {
		if table := keptTable(folder, keep.HubTable, log); table != nil && s.busURL != "" {
			return geoChoice{table: table, from: node.GeoHub, kept: true}, nil
		}
		table, err := embeddedTable()
		return geoChoice{table: table, from: node.GeoEmbedded}, err
	}
	table, why := files.Open(s.geoFiles...)
	if why == nil {
		return geoChoice{table: table, from: node.GeoFiles}, nil
	}
	choice := geoChoice{table: keptTable(folder, keep.OwnTable, log), from: node.GeoFiles, kept: true, trouble: why.Error()}
	if choice.table == nil {
		var err error
		if choice.table, err = embeddedTable(); err != nil {
			return geoChoice{}, err
		}
		choice.from, choice.kept = node.GeoEmbedded, false
	}
	log.Error("the geo files are not used, another table serves: mend the files, they are read again", "why", why,
		"serves", choice.table.Origin().Source, "of", choice.table.Origin().Date, "kept", choice.kept)
	return choice, nil
}

// keptTable is the last good table of a source; nil if there is none.
func keptTable(folder *keep.Folder, source keep.TableSource, log *slog.Logger) *geodata.Table {
	if folder == nil {
		return nil
	}
	data, err := folder.LoadTable(source)
	if data == nil && err == nil {
		return nil
	}
	var table *geodata.Table
	if err == nil {
		table, err = geodata.Decode(data)
	}
	if err != nil {
		log.Error("the kept geo table is not used", "file", source, "why", err)
		return nil
	}
	return table
}

// embeddedTable is read once: a reload of CoreDNS takes the table that is there.
var embeddedTable = sync.OnceValues(embedded.Open)

// followGeoFiles proposes the operator's files whenever they changed and rested. It returns when ctx ends.
func (s *server) followGeoFiles(ctx context.Context) {
	s.node.KeepGeo()
	s.geoWatch.Run(ctx, func() {
		table, err := files.Open(s.settings.geoFiles...)
		if err != nil {
			s.node.GeoRefused(fmt.Errorf("the last good table serves; mend the file, it is read again: %w", err))
			return
		}
		_ = s.node.ProposeGeo(ctx, node.GeoProposal{Geo: plan.NewGeo(table), From: node.GeoFiles}) // it is counted and logged
	})
}
