package site

import (
	"net/http"

	"tidegate.dev/tidegate/gslb/admin"
)

// AdminHandler answers what the admin socket is asked: /v1/status with a Status, in which connected says whether the bus
// is there now.
func (a *Agent) AdminHandler(connected func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		admin.WriteJSON(w, struct {
			Daemon    string `json:"daemon"`
			Connected bool   `json:"connected"`
			Status
		}{"site", connected(), a.Status()})
	})
	return mux
}
