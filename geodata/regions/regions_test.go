package regions

import "testing"

func TestCode(t *testing.T) {
	for name, want := range map[string]string{
		"Guangdong": "CN-GD", "广东": "CN-GD", "广东省": "CN-GD", "Inner Mongolia": "CN-NM", "内蒙古自治区": "CN-NM",
		"新疆维吾尔自治区": "CN-XJ", "宁夏回族自治区": "CN-NX", "北京市": "CN-BJ", "Shanxi": "CN-SX", "Shaanxi": "CN-SN",
		"": "", "省": "", "Bavaria": "", "广": "",
	} {
		if got := Code(name); got != want {
			t.Errorf("Code(%q) = %q, want %q", name, got, want)
		}
	}
}

// ISO 3166-2 has 31 of them but Hong Kong, Macao and Taiwan, which databases list as countries.
func TestEveryProvinceHasAnArea(t *testing.T) {
	list, codes := parse(china), map[string]bool{}
	for _, p := range list {
		codes[p.code] = true
		if Area(p.code) != "CN-"+p.area || p.area == "" || Code(p.chinese) != p.code || Code(p.english) != p.code {
			t.Errorf("%+v is not found by its names", p)
		}
	}
	if len(list) != 31 || len(codes) != 31 {
		t.Errorf("%d provinces with %d codes, want 31", len(list), len(codes))
	}
	if got := Area("DE-BY"); got != "" {
		t.Errorf("Area(DE-BY) = %q, want none", got)
	}
}
