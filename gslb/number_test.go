package gslb

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		in       string
		decimals int
		units    int64
		exact    bool
		refused  bool
	}{
		{"50.11", 6, 50_110_000, true, false},
		{"-77.45", 6, -77_450_000, true, false},
		{" 8.68 ", 6, 8_680_000, true, false},
		{"0", 3, 0, true, false},
		{"-0", 3, 0, true, false},
		{"5.", 3, 5000, true, false},
		{"0.0000009", 6, 0, false, false},
		{"-1.9999999", 6, -1_999_999, false, false},
		{"1.5000000000", 1, 15, true, false},
		{"7.25", 0, 7, false, false},
		{"999999999999.999999", 6, 999_999_999_999_999_999, true, false},
		{"9999999999999.9", 6, 0, false, true},
		{"", 6, 0, false, true}, {"-", 6, 0, false, true}, {".5", 6, 0, false, true}, {"--5", 6, 0, false, true}, {"+5", 6, 0, false, true},
		{"1e3", 6, 0, false, true}, {"1,5", 6, 0, false, true}, {"1.2.3", 6, 0, false, true}, {"0x10", 6, 0, false, true}, {"٣", 6, 0, false, true},
		{"1." + strings.Repeat("0", 19), 6, 0, false, true},
	} {
		units, exact, err := ParseDecimal(c.in, c.decimals)
		if units != c.units || exact != c.exact || (err != nil) != c.refused || err != nil && !errors.Is(err, ErrDecimal) {
			t.Errorf("ParseDecimal(%q, %d) = %d, %v, %v; want %d, %v", c.in, c.decimals, units, exact, err, c.units, c.exact)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"50.11", "-0.0000001", "1e3", "", "999999999999.999999", "00012.5"} {
		f.Add(s, uint8(6))
	}
	f.Fuzz(func(t *testing.T, s string, decimals uint8) {
		units, exact, err := ParseDecimal(s, int(decimals%10))
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(strings.TrimSuffix(strings.TrimSpace(s), "."))
		if !ok {
			t.Fatalf("%q was taken as %d", s, units)
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals%10)), nil)
		want.Mul(want, new(big.Rat).SetInt(scale))
		if rounded := new(big.Int).Quo(want.Num(), want.Denom()); rounded.Int64() != units || exact != want.IsInt() {
			t.Errorf("%q: %d, exact %v; want %v", s, units, exact, want)
		}
	})
}

func TestParseRate(t *testing.T) {
	for in, want := range map[string]MilliRPS{
		"120": 120_000, "0.5": 500, "0.001": 1, "0": 0, "1.500": 1500, "1000000000": MaxRate, "2.0000": 2000,
	} {
		if got, err := ParseRate(in); got != want || err != nil {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"-3":           `"-3" is negative`,
		"0.0005":       `"0.0005" has more than three decimals`,
		"1000000000.1": `"1000000000.1" is above 1000000000 requests/s`,
		"many":         `"many", want requests per second such as 120 or 0.5`,
		"":             `"", want requests per second such as 120 or 0.5`,
		"12/s":         `"12/s", want requests per second such as 120 or 0.5`,
	} {
		if _, err := ParseRate(in); !errors.Is(err, ErrRate) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("ParseRate(%q): %v, want %s", in, err, want)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"120", "0.5", "-1", "1e9", "1000000000", "0.0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			return
		}
		if again, err := ParseRate(r.String()); again != r || err != nil || r < 0 || r > MaxRate {
			t.Errorf("%q became %d, written %s, read %d, %v", s, r, r, again, err)
		}
	})
}

func TestRateTimesAndString(t *testing.T) {
	for _, c := range []struct {
		rate MilliRPS
		n    int
		want MilliRPS
	}{{12_000, 3, 36_000}, {12_000, 0, 0}, {12_000, -1, 0}, {-5, 3, 0}, {0, 9, 0}, {MaxRate, 1, MaxRate}, {MaxRate, 2, MaxRate}, {3, int(MaxRate), MaxRate}} {
		if got := c.rate.Times(c.n); got != c.want {
			t.Errorf("%d times %d is %d, want %d", c.rate, c.n, got, c.want)
		}
	}
	for rate, want := range map[MilliRPS]string{0: "0", 1: "0.001", 500: "0.5", 1000: "1", 100_000: "100", 1050: "1.05", -1500: "-1.5", MaxRate: "1000000000"} {
		if got := rate.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(rate), got, want)
		}
	}
}
