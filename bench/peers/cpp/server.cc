// gRPC C++: `server PORT`, with its default health service. `a.B` is SERVING; SIGUSR2 toggles it. On its input it is a
// control program of the conformance tool: `set NAME STATUS`.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <signal.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

void obey(grpc::HealthCheckServiceInterface* health) {
  for (std::string line, verb, name, status; std::getline(std::cin, line);) {
    std::istringstream(line) >> verb >> name >> status;
    if (verb == "set") health->SetServingStatus(name, status == "SERVING");
    std::cout << (verb == "set" ? "ok" : "no it cannot remove a service") << std::endl;
  }
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  // before the first thread: all threads inherit the mask, and sigwait gets the signal
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  grpc::EnableDefaultHealthCheckService(true);
  // a server without any other service has no completion queue, and does not start
  grpc::CallbackGenericService rest;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + arguments[1], grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&rest);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::thread(obey, server->GetHealthCheckService()).detach();

  for (bool serving = true;; serving = !serving) {
    server->GetHealthCheckService()->SetServingStatus("a.B", serving);
    int signal;
    sigwait(&signals, &signal);
  }
}
