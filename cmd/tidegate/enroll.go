package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/gslb/bus/join"
)

func enrollCommand() *cobra.Command {
	var tokenFile, out string
	command := &cobra.Command{
		Use:     "enroll --token-file FILE --out FILE",
		Short:   "Turn a one-time token of the hub into a name server's credentials",
		Example: "  tidegate enroll --token-file ns1.token --out /etc/tidegate/ns1.creds",
		Args:    wantArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			token, err := os.ReadFile(tokenFile)
			if err != nil {
				return fmt.Errorf("read the token: %w", err)
			}
			joined, err := join.Join(c.Context(), strings.TrimSpace(string(token)))
			if err != nil {
				return err
			}
			if err := joined.Credentials.Write(out); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s is enrolled as a %s; its credentials are in %s\n",
				joined.Credentials.Name, joined.Credentials.Role, out)
			return nil
		},
	}
	command.Flags().StringVar(&tokenFile, "token-file", "", "file with the token, as the hub printed it")
	command.Flags().StringVar(&out, "out", "", "file to write the credentials to (mode 0600)")
	_ = command.MarkFlagRequired("token-file") // the flags exist
	_ = command.MarkFlagRequired("out")
	return command
}
