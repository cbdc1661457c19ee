package provider

import (
	"bytes"
	"log"
	"testing"
)

func TestKeepsLinesForDevelopersFromTheEngine(t *testing.T) {
	var first, second bytes.Buffer
	before := log.Writer()
	t.Cleanup(func() { log.SetOutput(before) })
	docker := newDaemon(t, "aaa")
	// The bridge directs the log anew whenever a call begins; another one does while docker is asked.
	docker.meanwhile = func() { log.SetOutput(&second) }
	provider := quiet(configured(t, docker.URL))
	log.SetOutput(&first)
	if !look(t, provider, "aaa") {
		t.Fatal("a container that is there was taken for gone")
	}
	if told := first.String() + second.String(); told != "" {
		t.Errorf("the engine was told %q", told)
	}
	log.Print("[WARN] something to be told")
	if second.Len() == 0 {
		t.Error("a warning was kept from the engine")
	}
}
