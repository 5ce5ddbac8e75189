package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/bus"
)

// TokenLifetime is how long an enrolment token is good.
const TokenLifetime = 24 * time.Hour

// Admin answers the hub's operators over HTTP and JSON:
//
//	GET  /v1/status            Status
//	POST /v1/tokens            {"role": "site", "name": "fra"} -> {"token": "..."}
//
// Whoever reaches it is trusted: gslb/admin serves it on a socket of root's own.
type Admin struct {
	// Status is nil while this hub does not lead, and so is NewToken.
	Status   func() Status
	NewToken func(ctx context.Context, role bus.Role, name string) (string, error)
}

// ErrNotLeading is returned while another hub leads.
var ErrNotLeading = errors.New("this hub does not lead: ask the one that does, or wait until it takes over")

// Handler serves what current returns at the time of each request.
func Handler(current func() Admin) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		if a := current(); a.Status != nil {
			admin.WriteJSON(w, a.Status())
			return
		}
		admin.WriteJSON(w, Status{Daemon: daemonName, Sites: []SiteReportStatus{}, Names: []NameStatus{}, NameServers: []ServerStatus{}})
	})
	mux.HandleFunc("POST /v1/tokens", func(w http.ResponseWriter, r *http.Request) { postToken(w, r, current()) })
	return mux
}

type tokenRequest struct {
	Role bus.Role `json:"role"`
	Name string   `json:"name"`
}

func postToken(w http.ResponseWriter, r *http.Request, a Admin) {
	var request tokenRequest
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		admin.WriteError(w, http.StatusBadRequest, fmt.Errorf(`read the request: %w: want {"role": "site", "name": "fra"}`, err))
		return
	}
	if err := bus.CheckMember(request.Role, request.Name); err != nil {
		admin.WriteError(w, http.StatusBadRequest, err)
		return
	}
	if a.NewToken == nil {
		admin.WriteError(w, http.StatusServiceUnavailable, ErrNotLeading)
		return
	}
	token, err := a.NewToken(r.Context(), request.Role, request.Name)
	if err != nil {
		admin.WriteError(w, http.StatusInternalServerError, err)
		return
	}
	admin.WriteJSON(w, map[string]string{"token": token})
}
