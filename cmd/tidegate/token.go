package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/gslb/admin"
)

func tokenCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "token ROLE NAME",
		Short: "Ask the hub for a one-time enrolment token for a site or a name server",
		Example: "  tidegate token site fra --socket /run/tidegate/hub.sock > fra.token\n" +
			"  tidegate token nameserver ns1 --socket /run/tidegate/hub.sock > ns1.token",
		Args: wantArgs("ROLE", "NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var answer struct {
				Token string `json:"token"`
			}
			body := map[string]string{"role": args[0], "name": args[1]}
			if err := admin.Post(c.Context(), o.socket, "/v1/tokens", body, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), answer.Token)
			return err
		},
	}
}
