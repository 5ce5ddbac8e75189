package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

// TestNotInAPod: outside a pod the one line says what to do.
func TestNotInAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	var log bytes.Buffer
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(klog.ClearLogger)
	_, err := kubeConfig("")
	if err == nil || !strings.HasSuffix(err.Error(), "not in a pod: name a kubeconfig with -kubeconfig") {
		t.Errorf("error %v", err)
	}
	klog.Flush()
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
}
