// Command mtlsprobe says which client certificates a server takes, and why not.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"mtlsprobe/cmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	os.Exit(cmd.Main(ctx, os.Args[1:], cmd.Standard()))
}
