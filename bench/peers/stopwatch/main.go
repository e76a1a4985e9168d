// Starts programs in turn, many times, and writes what each start took: time, CPU and memory, as the kernel counts them.
//
//	stopwatch TASK     a file: {"rounds": 20, "programs": [{"args": ["/usr/bin/node", "empty.cjs"], "env": [...]}, ...]}
//	stdout             for each program, the figures of each round: [[{"wallMs": 40.1, "cpuMs": 38.2, "rssMb": 37.4}, ...], ...]
//
// Node does not tell what a child has used, and a larger process than this one would add its own memory to the peak of its
// children. All programs must end with exit code 0.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"syscall"
	"time"
)

type task struct {
	Rounds   int       `json:"rounds"`
	Programs []program `json:"programs"`
}

type program struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
}

type figures struct {
	WallMs float64 `json:"wallMs"`
	CPUMs  float64 `json:"cpuMs"`
	RSSMb  float64 `json:"rssMb"`
}

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: stopwatch TASK"))
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	var given task
	if err := json.Unmarshal(text, &given); err != nil {
		fail(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		fail(err)
	}
	measured := make([][]figures, len(given.Programs))
	for round := 0; round < given.Rounds; round++ {
		// another order in each round: no program always follows the same one
		for _, index := range rand.Perm(len(given.Programs)) {
			measured[index] = append(measured[index], measure(given.Programs[index], null))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
		fail(err)
	}
}

func measure(program program, null *os.File) figures {
	startedAt := time.Now()
	files := []*os.File{null, null, null}
	process, err := os.StartProcess(program.Args[0], program.Args, &os.ProcAttr{Env: program.Env, Files: files})
	if err != nil {
		fail(err)
	}
	state, err := process.Wait()
	wall := time.Since(startedAt)
	if err != nil {
		fail(err)
	}
	if state.ExitCode() != 0 {
		fail(fmt.Errorf("%v: exit code %d", program.Args, state.ExitCode()))
	}
	usage := state.SysUsage().(*syscall.Rusage)
	return figures{
		WallMs: ms(wall),
		CPUMs:  ms(state.UserTime() + state.SystemTime()),
		RSSMb:  float64(usage.Maxrss) / 1024,
	}
}

func ms(duration time.Duration) float64 {
	return float64(duration.Microseconds()) / 1000
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
