package join_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
)

var someToken = join.Token{URL: "https://hub:4223", Role: bus.Site, Name: "fra", CAHash: [32]byte{1}, Secret: [32]byte{2}}

func TestTokenString(t *testing.T) {
	text := someToken.String()
	got, err := join.ParseToken("\n " + text + " \n")
	if err != nil || got != someToken {
		t.Fatalf("%+v, %v", got, err)
	}
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		t.Errorf("%q does not survive a shell", text)
	}
}

func TestTokenRefused(t *testing.T) {
	encode := func(s string) string { return "tidegate-v1." + base64.RawURLEncoding.EncodeToString([]byte(s)) }
	change := func(f func(*join.Token)) string {
		token := someToken
		f(&token)
		return token.String()
	}
	whole := someToken.String()
	for name, text := range map[string]string{
		"empty":         "",
		"other version": strings.Replace(whole, "v1", "v2", 1),
		"cut":           whole[:len(whole)-4],
		"first half":    whole[:len(whole)/2],
		"not base64":    whole + "!",
		"not JSON":      encode("x"),
		"no secret":     encode(`{"u":"https://h","r":"site","n":"fra","c":"AA==","s":"AA=="}`),
		"unknown key":   encode(`{"x":1}`),
		"long":          whole + strings.Repeat("A", 4096),
		"role":          change(func(t *join.Token) { t.Role = "hub" }),
		"name":          change(func(t *join.Token) { t.Name = "a.b" }),
		"plain HTTP":    change(func(t *join.Token) { t.URL = "http://hub:4223" }),
		"user in URL":   change(func(t *join.Token) { t.URL = "https://a@hub:4223" }),
		"path in URL":   change(func(t *join.Token) { t.URL = "https://hub:4223/x" }),
		"no host":       change(func(t *join.Token) { t.URL = "https://:4223" }),
	} {
		if _, err := join.ParseToken(text); !errors.Is(err, join.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(someToken.String())
	f.Add("tidegate-v1.e30")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := join.ParseToken(text)
		if err != nil {
			return
		}
		again, err := join.ParseToken(token.String())
		if err != nil || again != token {
			t.Fatalf("%+v becomes %+v, %v", token, again, err)
		}
	})
}
