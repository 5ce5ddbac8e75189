package main

import "tidegate.dev/tidegate/gslb"

// site is a data centre.
type site struct {
	name string
	gslb.Location
}

// sites are 64 cities with data centres, spread as the internet's users are.
func sites() [64]site {
	const c = 10_000 // micro-degrees in a hundredth
	return [64]site{
		{"fra", gslb.Location{LatMicro: 5011 * c, LonMicro: 868 * c}},
		{"lon", gslb.Location{LatMicro: 5151 * c, LonMicro: -13 * c}},
		{"ams", gslb.Location{LatMicro: 5237 * c, LonMicro: 490 * c}},
		{"par", gslb.Location{LatMicro: 4886 * c, LonMicro: 235 * c}},
		{"mad", gslb.Location{LatMicro: 4042 * c, LonMicro: -370 * c}},
		{"mil", gslb.Location{LatMicro: 4546 * c, LonMicro: 919 * c}},
		{"sto", gslb.Location{LatMicro: 5933 * c, LonMicro: 1807 * c}},
		{"hel", gslb.Location{LatMicro: 6017 * c, LonMicro: 2494 * c}},
		{"waw", gslb.Location{LatMicro: 5223 * c, LonMicro: 2101 * c}},
		{"vie", gslb.Location{LatMicro: 4821 * c, LonMicro: 1637 * c}},
		{"zrh", gslb.Location{LatMicro: 4738 * c, LonMicro: 854 * c}},
		{"dub", gslb.Location{LatMicro: 5335 * c, LonMicro: -626 * c}},
		{"lis", gslb.Location{LatMicro: 3872 * c, LonMicro: -914 * c}},
		{"ath", gslb.Location{LatMicro: 3798 * c, LonMicro: 2373 * c}},
		{"ist", gslb.Location{LatMicro: 4101 * c, LonMicro: 2898 * c}},
		{"buh", gslb.Location{LatMicro: 4443 * c, LonMicro: 2610 * c}},
		{"kbp", gslb.Location{LatMicro: 5045 * c, LonMicro: 3052 * c}},
		{"mow", gslb.Location{LatMicro: 5576 * c, LonMicro: 3762 * c}},
		{"svx", gslb.Location{LatMicro: 5684 * c, LonMicro: 6061 * c}},
		{"cai", gslb.Location{LatMicro: 3004 * c, LonMicro: 3124 * c}},
		{"jnb", gslb.Location{LatMicro: -2620 * c, LonMicro: 2805 * c}},
		{"cpt", gslb.Location{LatMicro: -3392 * c, LonMicro: 1842 * c}},
		{"los", gslb.Location{LatMicro: 652 * c, LonMicro: 338 * c}},
		{"nbo", gslb.Location{LatMicro: -129 * c, LonMicro: 3682 * c}},
		{"cas", gslb.Location{LatMicro: 3357 * c, LonMicro: -759 * c}},
		{"tlv", gslb.Location{LatMicro: 3209 * c, LonMicro: 3478 * c}},
		{"dxb", gslb.Location{LatMicro: 2520 * c, LonMicro: 5527 * c}},
		{"ruh", gslb.Location{LatMicro: 2471 * c, LonMicro: 4668 * c}},
		{"khi", gslb.Location{LatMicro: 2486 * c, LonMicro: 6700 * c}},
		{"del", gslb.Location{LatMicro: 2861 * c, LonMicro: 7721 * c}},
		{"bom", gslb.Location{LatMicro: 1908 * c, LonMicro: 7288 * c}},
		{"maa", gslb.Location{LatMicro: 1308 * c, LonMicro: 8027 * c}},
		{"dac", gslb.Location{LatMicro: 2381 * c, LonMicro: 9041 * c}},
		{"bkk", gslb.Location{LatMicro: 1376 * c, LonMicro: 10050 * c}},
		{"sin", gslb.Location{LatMicro: 135 * c, LonMicro: 10382 * c}},
		{"jkt", gslb.Location{LatMicro: -621 * c, LonMicro: 10685 * c}},
		{"mnl", gslb.Location{LatMicro: 1460 * c, LonMicro: 12098 * c}},
		{"hkg", gslb.Location{LatMicro: 2232 * c, LonMicro: 11417 * c}},
		{"tpe", gslb.Location{LatMicro: 2503 * c, LonMicro: 12157 * c}},
		{"pek", gslb.Location{LatMicro: 3990 * c, LonMicro: 11640 * c}},
		{"sha", gslb.Location{LatMicro: 3123 * c, LonMicro: 12147 * c}},
		{"can", gslb.Location{LatMicro: 2313 * c, LonMicro: 11326 * c}},
		{"ctu", gslb.Location{LatMicro: 3057 * c, LonMicro: 10407 * c}},
		{"sel", gslb.Location{LatMicro: 3757 * c, LonMicro: 12698 * c}},
		{"tyo", gslb.Location{LatMicro: 3568 * c, LonMicro: 13969 * c}},
		{"osa", gslb.Location{LatMicro: 3469 * c, LonMicro: 13550 * c}},
		{"syd", gslb.Location{LatMicro: -3387 * c, LonMicro: 15121 * c}},
		{"mel", gslb.Location{LatMicro: -3781 * c, LonMicro: 14496 * c}},
		{"per", gslb.Location{LatMicro: -3195 * c, LonMicro: 11586 * c}},
		{"akl", gslb.Location{LatMicro: -3685 * c, LonMicro: 17476 * c}},
		{"nyc", gslb.Location{LatMicro: 4071 * c, LonMicro: -7401 * c}},
		{"iad", gslb.Location{LatMicro: 3904 * c, LonMicro: -7749 * c}},
		{"atl", gslb.Location{LatMicro: 3375 * c, LonMicro: -8439 * c}},
		{"mia", gslb.Location{LatMicro: 2576 * c, LonMicro: -8019 * c}},
		{"chi", gslb.Location{LatMicro: 4188 * c, LonMicro: -8763 * c}},
		{"dfw", gslb.Location{LatMicro: 3278 * c, LonMicro: -9680 * c}},
		{"den", gslb.Location{LatMicro: 3974 * c, LonMicro: -10499 * c}},
		{"lax", gslb.Location{LatMicro: 3405 * c, LonMicro: -11824 * c}},
		{"sjc", gslb.Location{LatMicro: 3734 * c, LonMicro: -12189 * c}},
		{"sea", gslb.Location{LatMicro: 4761 * c, LonMicro: -12233 * c}},
		{"yyz", gslb.Location{LatMicro: 4365 * c, LonMicro: -7938 * c}},
		{"mex", gslb.Location{LatMicro: 1943 * c, LonMicro: -9913 * c}},
		{"sao", gslb.Location{LatMicro: -2355 * c, LonMicro: -4663 * c}},
		{"scl", gslb.Location{LatMicro: -3345 * c, LonMicro: -7067 * c}},
	}
}
