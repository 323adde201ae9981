package probe

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
)

// A Variant is the same server asked in another way: at one of its addresses, or
// by another name.
type Variant struct {
	Address    string // without the port; empty unless it was chosen
	ServerName string // empty unless it was chosen
	// Observation is nil if there is none; Err says why.
	Observation *Observation
	Err         error
}

// Label names the variant for people.
func (v *Variant) Label() string { return cmp.Or(v.Address, v.ServerName) }

// Variants asks the server at each of its addresses, if all is set, and by each of
// the names. Nothing is presented. The error is the context's, or that of looking
// the host up.
func Variants(ctx context.Context, t Target, names []string, all bool, o *Options) ([]Variant, error) {
	o = o.withDefaults()
	var variants []Variant
	if all {
		addresses, err := o.Lookup(ctx, t.Host)
		if err != nil {
			return nil, dialError(t, err)
		}
		slices.Sort(addresses)
		for _, a := range slices.Compact(addresses) {
			variants = append(variants, Variant{Address: a})
		}
	}
	for _, name := range names {
		variants = append(variants, Variant{ServerName: name})
	}
	var wait sync.WaitGroup
	for n := range variants {
		wait.Go(func() {
			v := &variants[n]
			target, how := t, *o
			if v.ServerName != "" {
				target.ServerName = v.ServerName
			}
			if v.Address != "" {
				dial := how.Dial
				how.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					return dial(ctx, network, net.JoinHostPort(v.Address, t.Port))
				}
				if how.Proxy != nil { // the proxy is to go there, not this program
					target.Host, how.Dial = v.Address, dial
				}
			}
			v.Observation, _, v.Err = Ask(ctx, target, &how)
		})
	}
	wait.Wait()
	return variants, ctx.Err()
}
