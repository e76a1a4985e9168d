module healthbridge/bench/client

go 1.25.0
