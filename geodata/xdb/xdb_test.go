package xdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/gslb"
)

type failer interface {
	Helper()
	Fatal(...any)
}

func reader(t failer) Reader {
	t.Helper()
	isps, err := lines.DefaultISPs()
	if err != nil {
		t.Fatal(err)
	}
	return Reader{LineOf: isps.Line}
}

// table reads a file that has nothing else in its table.
func table(t failer, file []byte) (*geodata.Table, error) {
	t.Helper()
	var b geodata.Builder
	made, err := reader(t).Read(bytes.NewReader(file), int64(len(file)), b.Stream("ip2region"))
	if err != nil {
		return nil, err
	}
	return b.Build(geodata.Origin{Source: "ip2region", Date: made})
}

func in(country, region string, line gslb.Line) geodata.Place {
	return geodata.Place{Country: country, Region: region, Line: line}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		file []byte
		want map[string]geodata.Place
	}{
		{
			"version 2", writeFile(2, 4,
				segment{"0.0.0.0", "0.255.255.255", "0|0|0|内网IP|内网IP"},
				segment{"1.0.0.0", "1.0.0.255", "澳大利亚|0|0|0|0"},
				segment{"1.0.1.0", "1.0.3.255", "中国|0|福建省|福州市|电信"},
				segment{"1.1.255.0", "1.3.0.255", "中国|0|北京|北京市|联通"},
				segment{"223.255.255.0", "223.255.255.255", "中国|0|香港|0|0"},
				segment{"224.0.0.0", "255.255.255.255", "0|0|0|内网IP|内网IP"}),
			map[string]geodata.Place{
				"1.0.0.1": {}, "1.0.1.1": in("CN", "CN-FJ", "telecom"), "1.0.3.255": in("CN", "CN-FJ", "telecom"), "1.0.4.1": {},
				"1.1.254.255": {}, "1.1.255.0": in("CN", "CN-BJ", "unicom"), "1.2.3.4": in("CN", "CN-BJ", "unicom"),
				"1.3.0.9": in("CN", "CN-BJ", "unicom"), "1.3.1.0": {}, "223.255.255.9": in("HK", "", ""), "::ffff:1.2.3.4": in("CN", "CN-BJ", "unicom"),
			},
		},
		{
			"version 3, IPv4, with codes", writeFile(3, 4,
				segment{"1.0.0.0", "1.0.0.255", "Australia|Queensland|Brisbane|0|AU"},
				segment{"1.0.1.0", "1.0.1.255", "中国|广东省|深圳市|移动|CN"},
				segment{"223.255.240.0", "223.255.243.255", "中国|香港特别行政区|0|0|CN"}),
			map[string]geodata.Place{
				"1.0.0.1": in("AU", "", ""), "1.0.1.1": in("CN", "CN-GD", "mobile"), "223.255.240.1": in("HK", "", ""),
			},
		},
		{
			"version 3, IPv6, ranges that no /64 and no part of the space bounds", writeFile(3, 6,
				segment{"::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0|0|Reserved|Reserved|Reserved"},
				segment{"2000::", "240e:3b7:3272:d8ff:ffff:ffff:ffff:ffff", "Japan|Aichi|Nagoya|KDDI CORPORATION|JP"},
				segment{"240e:3b7:3272:d900::", "240e:3b7:3273:7fff::5", "中国|广东省|深圳市|电信|CN"},
				segment{"240e:3b7:3273:7fff::6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "United States|California|San Jose|xTom|US"}),
			map[string]geodata.Place{
				"1::1": {}, "2400::1": in("JP", "", ""), "240e:3b7:3272:d8ff::1": in("JP", "", ""),
				"240e:3b7:3272:d900::1": in("CN", "CN-GD", "telecom"), "240e:3b7:3273:7fff::1": in("CN", "CN-GD", "telecom"),
				"240e:3b7:3273:8000::1": in("US", "", ""), "3000::1": in("US", "", ""), "1.2.3.4": {},
			},
		},
		{
			"IPv6, segments around the addresses that carry IPv4", writeFile(3, 6,
				segment{"::", "::fffe:ffff:ffff", "X|0|0|0|XX"}, segment{"::ffff:0:0", "2001:1fff::", "X|0|0|电信|XX"}),
			map[string]geodata.Place{"20.1.2.3": {}, "2000:1::1": in("XX", "", "telecom"), "2001:1f00::1": in("XX", "", "telecom"), "2001:2000::1": {}},
		},
		{
			"version 3, texts of version 2", writeFile(3, 4, segment{"1.0.1.0", "1.0.1.255", "中国|0|广西|南宁市|教育网"}),
			map[string]geodata.Place{"1.0.1.1": in("CN", "CN-GX", "edu")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := table(t, tt.file)
			if err != nil {
				t.Fatal(err)
			}
			for addr, want := range tt.want {
				id, _ := table.Lookup(netip.MustParseAddr(addr))
				if got := table.Place(id); got != want {
					t.Errorf("%s is in %+v, want %+v", addr, got, want)
				}
			}
			if got := table.Origin().Date; !got.Equal(time.Unix(1_780_000_000, 0)) {
				t.Errorf("the file is of %v, want the date in its head", got)
			}
		})
	}
}

func TestPlaceOf(t *testing.T) {
	tests := []struct {
		name, text string
		version    int
		want       geodata.Place
	}{
		{"province with its kind", "中国|0|内蒙古自治区|0|铁通", 2, in("CN", "CN-NM", "mobile")},
		{"province alone", "中国|华东|上海|上海市|鹏博士", 2, in("CN", "CN-SH", "drpeng")},
		{"no province", "中国|0|0|0|科技网", 2, in("CN", "", "cstnet")},
		{"a province that nobody knows", "中国|0|南极省|0|0", 2, in("CN", "", "")},
		{"Taiwan", "中国|0|台湾省|台北|中华电信", 2, in("TW", "", "")},
		{"Macao", "中国|澳门特别行政区|0|0|CN", 3, in("MO", "", "")},
		{"Hong Kong as a country", "香港|0|0|0|电讯盈科", 2, in("HK", "", "")},
		{"Hong Kong by its code", "0|香港|香港|0|HK", 3, in("HK", "", "")},
		{"another country in Chinese", "日本|0|东京都|东京|0", 2, geodata.Place{}},
		{"a Chinese carrier abroad", "美国|0|加利福尼亚|洛杉矶|电信", 2, in("", "", "telecom")},
		{"a code that is an ISP in version 2", "韩国|0|0|0|KT", 2, geodata.Place{}},
		{"a code in version 3", "South Korea|Seoul|0|KT|KR", 3, in("KR", "", "")},
		{"three parts and an ISP", "中国|广东省|深圳市|电信", 3, in("CN", "CN-GD", "telecom")},
		{"ISP abroad", "Germany|Hesse|Frankfurt|China Unicom|DE", 3, in("DE", "", "unicom")},
		{"reserved", "0|0|Reserved|Reserved|Reserved", 3, geodata.Place{}},
		{"empty parts", "||||", 3, geodata.Place{}},
		{"empty text", "", 2, geodata.Place{}},
		{"blanks", " 中国 | 0 | 北京 | 0 | 电信 ", 2, in("CN", "CN-BJ", "telecom")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := reader(t).placeOf(tt.text, tt.version)
			if err != nil || got != tt.want {
				t.Errorf("placeOf(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
			}
		})
	}
}

// Every address is in the place of the segment that holds it, as a walk over the segments finds it.
func TestReadEqualsReference(t *testing.T) {
	texts := []string{"中国|0|福建省|福州市|电信", "中国|0|北京|北京市|联通", "日本|0|0|0|0", "0|0|0|内网IP|内网IP"}
	r := reader(t)
	rapid.Check(t, func(t *rapid.T) {
		starts := rapid.SliceOfNDistinct(rapid.Uint32Range(0x10000, 0x40000), 1, 30, rapid.ID).Draw(t, "starts") // /24s of 1.0.0.0/8 to 4.0.0.0/8
		slices.Sort(starts)
		var segments []segment
		for i, start := range starts[:len(starts)-1] {
			if text := rapid.SampledFrom(append(texts, "gap")).Draw(t, "text"); text != "gap" {
				segments = append(segments, segment{address(start << 8).String(), address(starts[i+1]<<8 - 1).String(), text})
			}
		}
		segments = append(segments, segment{"223.255.255.0", "223.255.255.255", texts[0]})
		table, err := table(t, writeFile(2, 4, segments...))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			addr := address(rapid.OneOf(rapid.Uint32Range(1<<24, 4<<24), rapid.Map(rapid.SampledFrom(starts), func(s uint32) uint32 { return s<<8 - 1 })).Draw(t, "address"))
			want := geodata.Place{}
			for _, s := range segments {
				if !addr.Less(netip.MustParseAddr(s.first)) && !netip.MustParseAddr(s.last).Less(addr) {
					want, _ = r.placeOf(s.text, 2)
				}
			}
			id, _ := table.Lookup(addr)
			if got := table.Place(id); got != want {
				t.Fatalf("%v is in %+v, want %+v", addr, got, want)
			}
		}
	})
}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

func TestReadRefuses(t *testing.T) {
	good := writeFile(3, 4, segment{"1.0.0.0", "1.0.0.255", "中国|0|0|电信|CN"}, segment{"1.0.1.0", "1.0.1.255", "中国|0|0|联通|CN"})
	change := func(at int, to ...byte) []byte {
		file := bytes.Clone(good)
		copy(file[at:], to)
		return file
	}
	last := binary.LittleEndian.Uint32(good[12:])
	inIndex := binary.LittleEndian.AppendUint32(nil, last-14*(last/14-1000))
	firstSegment := int(binary.LittleEndian.Uint32(good[8:]))
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "it ends before byte 256"},
		{"another file", []byte(strings.Repeat("ip,country\n", 40)), "version 28777, this program reads 2 and 3"},
		{"version 1", change(0, 1, 0), "version 1, this program reads 2 and 3"},
		{"version of the future", change(0, 4, 0), "version 4, this program reads 2 and 3"},
		{"a family that is none", change(16, 5, 0), "for IPv5, this program reads 4 and 6"},
		{"longer positions", change(18, 5, 0), "positions of 5 bytes, this program reads 4"},
		{"segments inside the index", change(8, inIndex...), "segments from byte 140"},
		{"segments backwards", change(12, 0, 0, 8, 0), "segments from byte"},
		{"half a segment", change(12, good[12]+1), "segments from byte"},
		{"cut short", good[:len(good)-1], "bytes, its head says"},
		{"a last address before the first", change(firstSegment+4, 0, 0, 0, 0), "a segment from 1.0.0.0 back to 0.0.0.0"},
		{"segments out of order", change(firstSegment+14, 0, 0, 0, 0, 1), "not sorted, or damaged"},
		{"a text behind the end", change(firstSegment+10, 0xff, 0xff, 0xff, 0xff), "segment from 1.0.0.0 to 1.0.0.255: "},
		{"a text too long", change(firstSegment+8, 0xff, 0xff), "a text of 65535 bytes, want at most 1024"},
		{"a text of many parts", writeFile(3, 4, segment{"1.0.0.0", "1.0.0.255", "亚洲|中国|广东省|深圳市|0|电信|CN"}),
			`segment from 1.0.0.0 to 1.0.0.255: the text "亚洲|中国|广东省|深圳市|0|电信|CN" has 7 parts: want country|area|province|city|ISP`},
		{"nothing of use", writeFile(2, 4, segment{"1.0.0.0", "1.0.0.255", "日本|0|0|0|0"}), "no text in it has a known country"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := table(t, tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Read = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// A file that is cut short while it is read gives an error, wherever that happens.
func TestReadOfAFileThatShrinks(t *testing.T) {
	good := writeFile(3, 4, segment{"1.0.0.0", "1.0.0.255", "中国|0|0|电信|CN"}, segment{"1.0.1.0", "1.0.1.255", "中国|0|0|联通|CN"})
	for length := headBytes + indexBytes - 8; length < len(good); length++ {
		var b geodata.Builder
		_, err := reader(t).Read(bytes.NewReader(good[:length]), int64(len(good)), b.Stream("x"))
		if !errors.Is(err, ErrFormat) {
			t.Fatalf("cut to %d of %d bytes: %v, want ErrFormat", length, len(good), err)
		}
	}
}

// holed is a file of which only the head and what follows the index are there: the index, half a megabyte that is not
// looked at, is all zeros.
type holed struct{ head, rest []byte }

func (h holed) size() int64 { return int64(headBytes + indexBytes + len(h.rest)) }

func (h holed) ReadAt(into []byte, at int64) (n int, err error) {
	for ; n < len(into); n++ {
		switch i := at + int64(n); {
		case i < int64(len(h.head)):
			into[n] = h.head[i]
		case i < headBytes+indexBytes:
			into[n] = 0
		case i < h.size():
			into[n] = h.rest[i-headBytes-indexBytes]
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// allocated is how many bytes this process has ever asked for.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// FuzzReadXDB looks for panics and for memory that a small file must not take.
func FuzzReadXDB(f *testing.F) {
	for _, file := range [][]byte{
		writeFile(2, 4, segment{"1.0.0.0", "1.0.0.255", "中国|0|福建省|福州市|电信"}, segment{"1.0.1.0", "1.2.0.0", "0|0|0|0|0"}),
		writeFile(3, 4, segment{"1.0.0.0", "1.0.0.255", "中国|广东省|深圳市|移动|CN"}),
		writeFile(3, 6, segment{"::", "2000::7", "0|0|Reserved|Reserved|Reserved"}, segment{"2000::8", "2401::", "中国|广东省|深圳市|电信|CN"}),
	} {
		f.Add(file[:20], file[headBytes+indexBytes:])
	}
	r := reader(f)
	f.Fuzz(func(t *testing.T, head, rest []byte) {
		file := holed{append(make([]byte, 0, headBytes), head[:min(len(head), headBytes)]...), rest}
		before := allocated()
		var b geodata.Builder
		_, _ = r.Read(file, file.size(), b.Stream("x"))
		if took := allocated() - before; took > uint64(1<<20+1000*len(rest)) {
			t.Errorf("%d bytes took %d bytes of memory", len(rest), took)
		}
	})
}
