package enroll

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/join"
)

// The texts for whoever is refused. One text for every reason, so that the endpoint tells nobody which secrets,
// names or keys exist; the hub's log has the reason.
const (
	refusedToken = "the token is unknown, used, expired, or for another role or name: make a new one on the hub, whose log says which"
	refusedKey   = "no member has this name and key: enrol again with a new token"
)

// Handler answers POST /v1/enroll and /v1/renew. It must be served over TLS with the certificate authority of
// HubConfig.CA in the chain that is sent (Authority.TLS does).
func (h *Hub) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+join.EnrollPath, answer(h.enroll))
	mux.HandleFunc("POST "+join.RenewPath, answer(h.renew))
	return mux
}

// statusError is an error with the HTTP status that says it.
type statusError struct {
	status int
	text   string
}

func (e statusError) Error() string { return e.text }

// answer decodes the request, calls f and encodes what it returns.
func answer[Request, Answer any](f func(*http.Request, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, join.MaxBodyBytes))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			write(w, http.StatusBadRequest, join.ErrorAnswer{Error: "the request is not what this hub reads: " + err.Error()})
			return
		}
		result, err := f(r, request)
		if err == nil {
			write(w, http.StatusOK, result)
			return
		}
		fault := statusError{http.StatusServiceUnavailable, "the hub cannot do it now: try again"}
		errors.As(err, &fault)
		write(w, fault.status, join.ErrorAnswer{Error: fault.text})
	}
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the peer is gone; it tries again
}

func (h *Hub) enroll(r *http.Request, q join.EnrollRequest) (join.Grant, error) {
	if err := bus.CheckMember(q.Role, q.Name); err != nil {
		return join.Grant{}, statusError{http.StatusBadRequest, err.Error()}
	}
	if !nkeys.IsValidPublicUserKey(q.PublicKey) {
		return join.Grant{}, statusError{http.StatusBadRequest, "publicKey is not a user's public NKey"}
	}
	log := h.cfg.Logger.With("role", q.Role, "name", q.Name, "peer", r.RemoteAddr)
	if err := h.use(r, q); err != nil {
		log.Warn("enrolment refused", "error", err)
		return join.Grant{}, refusal(err)
	}
	text, err := h.cfg.Bus.Enroll(r.Context(), q.Role, q.Name, q.PublicKey)
	if err != nil {
		log.Error("enrolment failed", "error", err)
		return join.Grant{}, failure(err)
	}
	log.Info("enrolled", "key", q.PublicKey)
	return join.Grant{CA: string(h.cfg.CA), URLs: h.cfg.BusURLs, JWT: text, MapKey: h.cfg.MapKey}, nil
}

// errRefused marks the reasons that the joiner is not told apart.
var errRefused = errors.New("the token is refused")

// use takes the token for the joiner's key. The same key may use it again, since an answer can get lost.
func (h *Hub) use(r *http.Request, q join.EnrollRequest) error {
	hash := hashOf(q.Secret)
	record, err := h.cfg.Tokens.Get(r.Context(), hash)
	if err == nil {
		err = h.check(record, q)
	}
	if err == nil {
		record, err = h.cfg.Tokens.Use(r.Context(), hash, q.PublicKey)
	}
	if errors.Is(err, ErrNoRecord) {
		return fmt.Errorf("%w: no open token has this secret", errRefused)
	}
	if err != nil {
		return err
	}
	return h.check(record, q)
}

func (h *Hub) check(record Record, q join.EnrollRequest) error {
	switch {
	case record.Role != q.Role || record.Name != q.Name:
		return fmt.Errorf("%w: it is for %s %s", errRefused, record.Role, record.Name)
	case !h.cfg.Now().Before(record.Expires):
		return fmt.Errorf("%w: it expired at %s", errRefused, record.Expires)
	case record.UsedBy != "" && record.UsedBy != q.PublicKey:
		return fmt.Errorf("%w: %s has used it", errRefused, record.UsedBy)
	}
	return nil
}

func refusal(err error) error {
	if errors.Is(err, errRefused) {
		return statusError{http.StatusForbidden, refusedToken}
	}
	return err
}

// failure is what a joiner with a good token is told when the bus does not take its key.
func failure(err error) error {
	if errors.Is(err, authority.ErrNameTaken) || errors.Is(err, authority.ErrKey) {
		return statusError{http.StatusConflict, err.Error()}
	}
	return err
}

func (h *Hub) renew(r *http.Request, q join.RenewRequest) (join.RenewAnswer, error) {
	if !q.Verify() {
		return join.RenewAnswer{}, statusError{http.StatusForbidden, refusedKey}
	}
	text, err := h.cfg.Bus.Renew(r.Context(), q.Name, q.PublicKey)
	if errors.Is(err, authority.ErrUnknownMember) {
		h.cfg.Logger.Warn("renewal refused", "name", q.Name, "key", q.PublicKey, "peer", r.RemoteAddr)
		return join.RenewAnswer{}, statusError{http.StatusForbidden, refusedKey}
	}
	return join.RenewAnswer{JWT: text}, err
}
