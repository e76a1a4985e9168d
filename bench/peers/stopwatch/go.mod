module healthbridge/bench/stopwatch

go 1.25.0
