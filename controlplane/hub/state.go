package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stateName is the ConfigMap of the hub's State, stateKey its key.
const (
	stateName = "tidegate-map"
	stateKey  = "state.json"
)

// keptState is the State and the ConfigMap that holds it, which is nil before it was read.
type keptState struct {
	State
	object *corev1.ConfigMap
}

// readState reads the state if it is not known.
func (l *Loop) readState(ctx context.Context) error {
	if l.state.object != nil {
		return nil
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: stateName, Namespace: l.cfg.Namespace}}
	err := l.cfg.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read the generation: %w", err)
	}
	var state State
	if text := object.Data[stateKey]; text != "" {
		if err := json.Unmarshal([]byte(text), &state); err != nil {
			return fmt.Errorf("read the generation: ConfigMap %s/%s: %w: delete the ConfigMap, the name servers know the generation too",
				l.cfg.Namespace, stateName, err)
		}
	}
	l.state = keptState{State: state, object: object}
	return nil
}

// writeState keeps the state, if it differs, by compare-and-set on the ConfigMap's resource version. After a conflict
// it is read again.
func (l *Loop) writeState(ctx context.Context, state State) error {
	if reflect.DeepEqual(state, l.state.State) {
		return nil
	}
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("keep the generation: %w", err)
	}
	object := l.state.object.DeepCopy()
	object.Data = map[string]string{stateKey: string(data)}
	if object.ResourceVersion == "" {
		err = l.cfg.Client.Create(ctx, object, manager)
	} else {
		err = l.cfg.Client.Update(ctx, object, manager)
	}
	if err != nil {
		l.state.object = nil
		return fmt.Errorf("keep the generation: %w", err)
	}
	l.state = keptState{State: state, object: object}
	return nil
}
