package hub

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/gslb/loop"
)

// What the hub hands out of its last turn gives the same turn again wherever it is read, and before the first there is nothing.
func TestRecordingIsTheLastTurn(t *testing.T) {
	in, s := steered(t), steering{}
	handler := Handler(func() Admin { return Admin{Recording: func() *recording.Recording { return s.recorded }} })
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/v1/recording", nil))
	if answer.Code != 503 || !strings.Contains(answer.Body.String(), ErrNoTurn.Error()) {
		t.Errorf("before the first turn: %d %s", answer.Code, answer.Body)
	}
	s.turn(in, answerSums{})
	for range 5 {
		in.Now = in.Now.Add(15 * time.Second)
		in.report(95, 10)
		s.turn(in, s.answeredTo(chatName, "fra", 300))
	}
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/v1/recording", nil))
	var read recording.Recording
	if err := json.Unmarshal(answer.Body.Bytes(), &read); err != nil || answer.Code != 200 {
		t.Fatalf("%d: %v", answer.Code, err)
	}
	turn, err := read.Of(chatName)
	if err != nil {
		t.Fatal(err)
	}
	service := read.Map.Services[0]
	_, again := loop.Step(loop.PolicyOf(&service.Steering, service.TTL), turn.Was, turn.Input)
	if first := s.outputs[chatName]; !reflect.DeepEqual(again.Sites, first.Sites) || !reflect.DeepEqual(again.Splits, first.Splits) || len(again.Sites) == 0 {
		t.Errorf("%+v, again %+v", first.Sites, again.Sites)
	}
}
