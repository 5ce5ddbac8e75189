package solve

import "math/big"

// objective is what the flows cost, without the price of overload.
func (n *network) objective() *big.Int {
	var sum sum128
	for a := int32(0); a < n.stepsOf[0]; a++ {
		sum.add(n.flow[a], n.cost[a])
	}
	for i := range n.pastLimit {
		for a := n.stepsOf[i]; a < n.pastLimit[i]; a++ {
			sum.add(n.flow[a], n.cost[a])
		}
	}
	return n.perMilli(sum.big())
}

// bound is Lagrange's: with a price for the room of each site, nothing links classes and sites, and each class takes
// what is cheapest for it while each site sells every step that costs less than the price. Whatever the prices are, no
// solution costs less (Ahuja, Magnanti and Orlin, section 16.2). It takes nothing but the prices from the simplex. What
// the sites' overload costs here is taken off again.
func (n *network) bound() *big.Int {
	price := n.prices()
	var bought, sold, overload sum128
	for k := range n.classes {
		if n.supply[k] == 0 {
			continue
		}
		n.spread(k, price, func(a int32, amount int64) {
			bought.add(amount, n.cost[a]+price[int(n.to[a])-n.classes])
		})
	}
	for i, price := range price {
		for a := n.stepsOf[i]; a < n.stepsOf[i+1]; a++ {
			if n.cost[a] < price {
				sold.add(n.cap[a], price-n.cost[a])
			}
			if a >= n.pastLimit[i] {
				overload.add(n.flow[a], n.cost[a])
			}
		}
	}
	sum := bought.big()
	return n.perMilli(sum.Sub(sum, sold.big()).Sub(sum, overload.big()))
}

// prices are the sites' potentials. Below nothing or above the last, endless step a price gives no better bound.
func (n *network) prices() []int64 {
	prices := make([]int64, len(n.pastLimit))
	for i := range prices {
		prices[i] = min(max(n.y[n.classes+i], 0), n.cost[n.stepsOf[i+1]-1])
	}
	return prices
}

// perMilli turns units into milli-RPS.
func (n *network) perMilli(sum *big.Int) *big.Int { return sum.Div(sum, big.NewInt(n.unit)) }
