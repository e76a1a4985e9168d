// The client of the bench: one thread, one epoll, HTTP/2 frames as bytes. It does as little work as possible, and the
// same work for every server. Each command prints one line of JSON.
//
//	client watch PORT PID CONNECTIONS STREAMS CHANGES   memory of watchers, and time until all have got a change
//	client xds PORT PID SUBSCRIBERS SERVICES CHANGES    time until all subscribers of xDS have got a change
//	client pace PORT CONNECTIONS RATE MILLISECONDS      latency of a Check at a constant rate
package main

import (
	"encoding/json"
	"log"
	"os"
	"strconv"
)

func main() {
	commands := map[string]struct {
		run       func([]int) any
		arguments int
	}{
		"watch": {watch, 5},
		"pace":  {pace, 4},
		"xds":   {xds, 5},
	}
	if len(os.Args) < 2 {
		log.Fatal("watch, pace, or xds?")
	}
	command, known := commands[os.Args[1]]
	if !known || len(os.Args) != 2+command.arguments {
		log.Fatalf("not a command, or not its arguments: %q", os.Args[1:])
	}
	numbers := make([]int, 0, command.arguments)
	for _, argument := range os.Args[2:] {
		number, err := strconv.Atoi(argument)
		check(err)
		numbers = append(numbers, number)
	}
	check(json.NewEncoder(os.Stdout).Encode(command.run(numbers)))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
