package tidegate

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
	"tidegate.dev/tidegate/gslb/plan"
)

// credentialsLook is how often credentials that cannot be read are looked at again.
const credentialsLook = 10 * time.Second

// startBus serves what is kept on disk at once, and follows the bus from then on. It does not wait for the bus.
func (s *server) startBus(ctx context.Context) error {
	if s.trouble != nil {
		return s.startAlone(ctx)
	}
	s.keepKey()
	if err := s.restore(ctx, s.credentials.MapKey); err != nil {
		return err
	}
	return s.follow(ctx)
}

// startAlone serves what is kept on disk though the credentials cannot be read, and waits until they can. With nothing
// kept it is an error.
func (s *server) startAlone(ctx context.Context) error {
	key, err := s.folder.LoadKey()
	if err == nil && key != nil {
		err = s.restore(ctx, key)
	}
	if err != nil || !s.serves() {
		return errors.Join(s.trouble, err)
	}
	s.tellTrouble(s.trouble)
	s.run(func() { s.awaitCredentials(ctx) })
	return nil
}

func (s *server) restore(ctx context.Context, key ed25519.PublicKey) error {
	return s.node.Restore(ctx, func(signedHead []byte) (plan.Head, error) { return plan.OpenHead(signedHead, key) })
}

// awaitCredentials looks at the credentials until they can be read, and follows the bus then.
func (s *server) awaitCredentials(ctx context.Context) {
	ticker := time.NewTicker(s.look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		credentials, err := readCredentials(s.settings)
		if err == nil {
			s.credentials = credentials
			err = s.follow(ctx)
		}
		if err == nil {
			s.keepKey()
			s.node.SetBusTrouble("")
			s.log.Info("the credentials can be read, the bus is followed")
			return
		}
		if err.Error() != s.trouble.Error() {
			s.tellTrouble(err)
		}
	}
}

// tellTrouble says in log and status why the bus is not followed.
func (s *server) tellTrouble(err error) {
	s.trouble = err
	s.node.SetBusTrouble(err.Error())
	s.log.Error("the bus is not followed, the map that was kept is served: mend the credentials, they are read again", "why", err)
}

// keepKey keeps the hub's key beside the maps that it verifies, for a start without credentials.
func (s *server) keepKey() {
	if s.folder == nil {
		return
	}
	if err := s.folder.SaveKey(s.credentials.MapKey); err != nil {
		s.log.Error("the hub's key could not be kept on disk", "why", err)
	}
}

// follow follows the bus with the credentials until ctx ends. It returns at once.
func (s *server) follow(ctx context.Context) error {
	member, err := bus.Dial(ctx, s.credentials, bus.Config{
		Logger: s.log,
		Renew:  join.Renew,
		Saved:  func(renewed bus.Credentials) error { return renewed.Write(s.settings.busCreds) },
	})
	if err != nil {
		return err
	}
	key := ed25519.PublicKey(s.credentials.MapKey)
	s.run(func() {
		if err := s.node.FollowBus(ctx, member, key); err != nil {
			s.log.Error("the bus is not followed any more", "why", err)
		}
		member.Close()
	})
	if len(s.settings.geoFiles) == 0 {
		s.run(func() { s.node.FollowGeo(ctx, member) })
	}
	name := s.credentials.Name
	s.run(func() { s.node.ReportTo(ctx, member, name) })
	return nil
}

// readCredentials reads what the bus needs; the address in the Corefile wins over the one in the file.
func readCredentials(s settings) (bus.Credentials, error) {
	credentials, err := bus.ReadCredentials(s.busCreds)
	if err != nil {
		return bus.Credentials{}, fmt.Errorf("%w: 'tidegate enroll' writes this file from a token of the hub", err)
	}
	if credentials.Role != bus.NameServer || len(credentials.MapKey) != ed25519.PublicKeySize {
		return bus.Credentials{}, fmt.Errorf("%s: these are not a name server's credentials: enrol with a token of role nameserver", s.busCreds)
	}
	credentials.URLs = []string{s.busURL}
	return credentials, nil
}
