package main

import (
	"strings"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func server(t *testing.T) integration.Server {
	t.Helper()
	s, err := integration.NewServer(t.Context(), name, semver.MustParse(version), integration.WithProvider(newProvider()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func urn(token string) resource.URN {
	return resource.URN("urn:pulumi:stack::project::" + token + "::name")
}

const commandToken = "command:local:Command"

func inputs(values map[string]string) property.Map {
	out := map[string]property.Value{}
	for k, v := range values {
		out[k] = property.New(v)
	}
	return property.NewMap(out)
}

func TestCreateRunsAndPreviewDoesNot(t *testing.T) {
	s := server(t)
	in := inputs(map[string]string{"create": "echo hello"})
	preview, err := s.Create(p.CreateRequest{Urn: urn(commandToken), Properties: in, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if !preview.Properties.Get("stdout").IsComputed() {
		t.Errorf("in a preview stdout is %v", preview.Properties.Get("stdout"))
	}
	created, err := s.Create(p.CreateRequest{Urn: urn(commandToken), Properties: in})
	if err != nil {
		t.Fatal(err)
	}
	if got := created.Properties.Get("stdout"); !got.Equals(property.New("hello")) {
		t.Errorf("stdout is %v", got)
	}
}

func TestOneSecretInputMakesTheOutputsSecret(t *testing.T) {
	in := property.NewMap(map[string]property.Value{
		"create": property.New("cat"),
		"stdin":  property.New("password").WithSecret(true),
	})
	created, err := server(t).Create(p.CreateRequest{Urn: urn(commandToken), Properties: in})
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{"stdin", "stdout", "stderr"} {
		if !created.Properties.Get(output).Secret() {
			t.Errorf("%s is not secret", output)
		}
	}
}

func TestTriggersReplaceAndOthersUpdate(t *testing.T) {
	s := server(t)
	old := property.NewMap(map[string]property.Value{
		"create":   property.New("true"),
		"triggers": property.New([]property.Value{property.New("a"), property.New(1.0)}),
		"stdout":   property.New(""),
		"stderr":   property.New(""),
	})
	diff := func(changed string, value property.Value) p.DiffResponse {
		t.Helper()
		resp, err := s.Diff(p.DiffRequest{
			ID: "id", Urn: urn(commandToken), State: old, OldInputs: old.Delete("stdout").Delete("stderr"),
			Inputs: old.Delete("stdout").Delete("stderr").Set(changed, value),
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	replaces := func(resp p.DiffResponse) bool {
		for _, d := range resp.DetailedDiff {
			if strings.HasSuffix(string(d.Kind), "replace") {
				return true
			}
		}
		return false
	}
	if resp := diff("triggers", property.New([]property.Value{property.New("b"), property.New(1.0)})); !resp.HasChanges || !replaces(resp) {
		t.Errorf("triggers: %+v", resp)
	}
	if resp := diff("create", property.New("false")); !resp.HasChanges || replaces(resp) {
		t.Errorf("create: %+v", resp)
	}
	if resp := diff("create", property.New("true")); resp.HasChanges {
		t.Errorf("nothing: %+v", resp)
	}
}

func TestRunFunction(t *testing.T) {
	resp, err := server(t).Invoke(p.InvokeRequest{Token: "command:local:run", Args: inputs(map[string]string{"command": "echo hi"})})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Return.Get("stdout"); !got.Equals(property.New("hi")) {
		t.Errorf("stdout is %v", got)
	}
}

func TestOtherTypesAreRefusedByName(t *testing.T) {
	s := server(t)
	for _, token := range []string{"command:remote:Command", "command:remote:CopyToRemote", "command:remote:CopyFile"} {
		_, checked := s.Check(p.CheckRequest{Urn: urn(token)})
		_, created := s.Create(p.CreateRequest{Urn: urn(token)})
		deleted := s.Delete(p.DeleteRequest{Urn: urn(token)})
		for _, err := range []error{checked, created, deleted} {
			if err == nil || !strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "published plugin") {
				t.Errorf("%s: got %v", token, err)
			}
		}
	}
}
