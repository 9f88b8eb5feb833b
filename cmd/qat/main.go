// Qat trains quantized networks and evaluates, exports and describes them. Run
// "qat help" for its commands.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/experiments"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// The exit status, which scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // the command line or the config is wrong
	exitMissed      = 3 // a check missed its target
	exitInterrupted = 130
)

func main() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Main runs the command line and returns the exit status. The first interrupt,
// termination or hang-up ends a run in order, a second one at once.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	interrupts := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		interrupts = append(interrupts, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), interrupts...)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRootCommand(args...)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	printError(stderr, err)
	return exitCode(err)
}

// exitCode is the one place where errors become exit statuses.
func exitCode(err error) int {
	var usage *usageError
	var config configs.ErrorList
	var kind *filetype.Error
	var missing *datasets.MissingError
	var table *experiments.Mistake
	var noRoom *sensitivity.NoRoomError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, train.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errMissed):
		return exitMissed
	case errors.As(err, &usage), errors.As(err, &config), errors.As(err, &kind), errors.As(err, &missing), errors.Is(err, train.ErrExists), errors.Is(err, experiments.ErrStale), errors.As(err, &table), errors.As(err, &noRoom), errors.Is(err, sensitivity.ErrNoChoice), errors.Is(err, export.ErrHeaderName), errors.Is(err, export.ErrPrefix):
		return exitUsage
	}
	return exitFailed
}

// newRootCommand returns the command line; args are those that it will parse.
func newRootCommand(args ...string) *cobra.Command {
	root := newGroup(&cobra.Command{
		Use:   "qat",
		Short: "Train quantized networks, and deploy exactly what was trained",
		Long: `qat trains quantized networks. The accuracy it prints is that of the integer
network it exports.

EXIT STATUS
  0    done
  1    the run failed
  2    the command line or the config is wrong, or what they name is missing or
       of another kind
  3    a check missed its target (--expect)
  130  interrupted (SIGINT, SIGTERM, SIGHUP); a run that says that its
       checkpoint is saved continues with --resume`,
		Example: `  qat train quickstart
  qat eval runs/quickstart
  qat config list`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usagef(c, "%s", flagProblem(c, err, args)) })
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ", "Flags.FlagUsagesWrapped 80 "))
	root.SetHelpCommand(newHelpCommand())
	root.AddCommand(newTrainCommand(), newEvalCommand(), newExportCommand(), newInferCommand(), newInspectCommand(), newSensitivityCommand(),
		newReproduceCommand(), newSweepCommand(), newCompareCommand(), newExperimentCommand(), newConfigCommand(), newDataCommand(), newBenchCommand(), newVersionCommand())
	endAtOnce(root)
	return root
}
