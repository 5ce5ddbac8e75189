package main

import "tidegate.dev/tidegate/gslb"

// sites are 64 cities with data centres, spread as the internet's users are.
func sites() [64]gslb.Location {
	const c = 10_000 // micro-degrees in a hundredth
	return [64]gslb.Location{
		{LatMicro: 5011 * c, LonMicro: 868 * c},    // fra
		{LatMicro: 5151 * c, LonMicro: -13 * c},    // lon
		{LatMicro: 5237 * c, LonMicro: 490 * c},    // ams
		{LatMicro: 4886 * c, LonMicro: 235 * c},    // par
		{LatMicro: 4042 * c, LonMicro: -370 * c},   // mad
		{LatMicro: 4546 * c, LonMicro: 919 * c},    // mil
		{LatMicro: 5933 * c, LonMicro: 1807 * c},   // sto
		{LatMicro: 6017 * c, LonMicro: 2494 * c},   // hel
		{LatMicro: 5223 * c, LonMicro: 2101 * c},   // waw
		{LatMicro: 4821 * c, LonMicro: 1637 * c},   // vie
		{LatMicro: 4738 * c, LonMicro: 854 * c},    // zrh
		{LatMicro: 5335 * c, LonMicro: -626 * c},   // dub
		{LatMicro: 3872 * c, LonMicro: -914 * c},   // lis
		{LatMicro: 3798 * c, LonMicro: 2373 * c},   // ath
		{LatMicro: 4101 * c, LonMicro: 2898 * c},   // ist
		{LatMicro: 4443 * c, LonMicro: 2610 * c},   // buh
		{LatMicro: 5045 * c, LonMicro: 3052 * c},   // kbp
		{LatMicro: 5576 * c, LonMicro: 3762 * c},   // mow
		{LatMicro: 5684 * c, LonMicro: 6061 * c},   // svx
		{LatMicro: 3004 * c, LonMicro: 3124 * c},   // cai
		{LatMicro: -2620 * c, LonMicro: 2805 * c},  // jnb
		{LatMicro: -3392 * c, LonMicro: 1842 * c},  // cpt
		{LatMicro: 652 * c, LonMicro: 338 * c},     // los
		{LatMicro: -129 * c, LonMicro: 3682 * c},   // nbo
		{LatMicro: 3357 * c, LonMicro: -759 * c},   // cas
		{LatMicro: 3209 * c, LonMicro: 3478 * c},   // tlv
		{LatMicro: 2520 * c, LonMicro: 5527 * c},   // dxb
		{LatMicro: 2471 * c, LonMicro: 4668 * c},   // ruh
		{LatMicro: 2486 * c, LonMicro: 6700 * c},   // khi
		{LatMicro: 2861 * c, LonMicro: 7721 * c},   // del
		{LatMicro: 1908 * c, LonMicro: 7288 * c},   // bom
		{LatMicro: 1308 * c, LonMicro: 8027 * c},   // maa
		{LatMicro: 2381 * c, LonMicro: 9041 * c},   // dac
		{LatMicro: 1376 * c, LonMicro: 10050 * c},  // bkk
		{LatMicro: 135 * c, LonMicro: 10382 * c},   // sin
		{LatMicro: -621 * c, LonMicro: 10685 * c},  // jkt
		{LatMicro: 1460 * c, LonMicro: 12098 * c},  // mnl
		{LatMicro: 2232 * c, LonMicro: 11417 * c},  // hkg
		{LatMicro: 2503 * c, LonMicro: 12157 * c},  // tpe
		{LatMicro: 3990 * c, LonMicro: 11640 * c},  // pek
		{LatMicro: 3123 * c, LonMicro: 12147 * c},  // sha
		{LatMicro: 2313 * c, LonMicro: 11326 * c},  // can
		{LatMicro: 3057 * c, LonMicro: 10407 * c},  // ctu
		{LatMicro: 3757 * c, LonMicro: 12698 * c},  // sel
		{LatMicro: 3568 * c, LonMicro: 13969 * c},  // tyo
		{LatMicro: 3469 * c, LonMicro: 13550 * c},  // osa
		{LatMicro: -3387 * c, LonMicro: 15121 * c}, // syd
		{LatMicro: -3781 * c, LonMicro: 14496 * c}, // mel
		{LatMicro: -3195 * c, LonMicro: 11586 * c}, // per
		{LatMicro: -3685 * c, LonMicro: 17476 * c}, // akl
		{LatMicro: 4071 * c, LonMicro: -7401 * c},  // nyc
		{LatMicro: 3904 * c, LonMicro: -7749 * c},  // iad
		{LatMicro: 3375 * c, LonMicro: -8439 * c},  // atl
		{LatMicro: 2576 * c, LonMicro: -8019 * c},  // mia
		{LatMicro: 4188 * c, LonMicro: -8763 * c},  // chi
		{LatMicro: 3278 * c, LonMicro: -9680 * c},  // dfw
		{LatMicro: 3974 * c, LonMicro: -10499 * c}, // den
		{LatMicro: 3405 * c, LonMicro: -11824 * c}, // lax
		{LatMicro: 3734 * c, LonMicro: -12189 * c}, // sjc
		{LatMicro: 4761 * c, LonMicro: -12233 * c}, // sea
		{LatMicro: 4365 * c, LonMicro: -7938 * c},  // yyz
		{LatMicro: 1943 * c, LonMicro: -9913 * c},  // mex
		{LatMicro: -2355 * c, LonMicro: -4663 * c}, // sao
		{LatMicro: -3345 * c, LonMicro: -7067 * c}, // scl
	}
}
