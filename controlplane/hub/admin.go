package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/bus"
)

// TokenLifetime is how long an enrolment token is good.
const TokenLifetime = 24 * time.Hour

// Admin answers the hub's operators over HTTP and JSON:
//
//	GET  /v1/status            Status
//	GET  /v1/recording         recording.Recording, for tidegate simulate
//	POST /v1/tokens            {"role": "site", "name": "fra"} -> {"token": "..."}
//
// Whoever reaches it is trusted: gslb/admin serves it on a socket of root's own.
type Admin struct {
	// Status is nil while this hub does not lead, and so is NewToken.
	Status func() Status
	// Recording is the last turn of the control loop; nil, or what returns nil, has none yet.
	Recording func() *recording.Recording
	NewToken  func(ctx context.Context, role bus.Role, name string) (string, error)
	// CheckMember says whether a member of that role and name fits what there is; nil: every one does.
	CheckMember func(ctx context.Context, role bus.Role, name string) error
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
	mux.HandleFunc("GET /v1/recording", func(w http.ResponseWriter, _ *http.Request) { getRecording(w, current()) })
	mux.HandleFunc("POST /v1/tokens", func(w http.ResponseWriter, r *http.Request) { postToken(w, r, current()) })
	return mux
}

// ErrNoTurn is returned before the control loop has turned.
var ErrNoTurn = errors.New("the control loop has not turned yet: try again in a minute")

func getRecording(w http.ResponseWriter, a Admin) {
	if a.Recording == nil {
		admin.WriteError(w, http.StatusServiceUnavailable, ErrNotLeading)
		return
	}
	if recorded := a.Recording(); recorded != nil {
		admin.WriteJSON(w, recorded)
		return
	}
	admin.WriteError(w, http.StatusServiceUnavailable, ErrNoTurn)
}

// CheckMember refuses a site without its Site, which would run nothing, and other members with a Site's name, which is the
// site's.
func CheckMember(reader client.Reader) func(ctx context.Context, role bus.Role, name string) error {
	return func(ctx context.Context, role bus.Role, name string) error {
		err := reader.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.Site{})
		switch {
		case apierrors.IsNotFound(err) && role == bus.Site:
			return fmt.Errorf("there is no Site %s: kubectl apply a Site of that name first", name)
		case err == nil && role != bus.Site:
			return fmt.Errorf("%s is the name of a Site: choose another name for the %s", name, role)
		case err != nil && !apierrors.IsNotFound(err):
			return fmt.Errorf("look for Site %s: %w: try again once the Kubernetes API answers", name, err)
		}
		return nil
	}
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
	if a.CheckMember != nil {
		if err := a.CheckMember(r.Context(), request.Role, request.Name); err != nil {
			admin.WriteError(w, http.StatusConflict, err)
			return
		}
	}
	token, err := a.NewToken(r.Context(), request.Role, request.Name)
	if err != nil {
		admin.WriteError(w, http.StatusInternalServerError, err)
		return
	}
	admin.WriteJSON(w, map[string]string{"token": token})
}
