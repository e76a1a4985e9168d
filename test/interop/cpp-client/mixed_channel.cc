// A gRPC C++ client that asks for health and for reflection on one channel, and prints how that went:
// `mixed_channel ADDRESS PART [CA]`, over TLS when there is a file of authorities.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using grpc::ByteBuffer;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

namespace {

const std::string kServing("\x08\x01", 2);

ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return ByteBuffer(&slice, 1);
}

std::string ToString(const ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  (void)buffer.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

std::string Request(const std::string& service) {
  return std::string(1, '\x0a') + static_cast<char>(service.size()) + service;
}

std::shared_ptr<grpc::ChannelCredentials> Trusting(const std::string& path) {
  std::ifstream file(path);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  return grpc::SslCredentials(options);
}

void SetDeadline(ClientContext* context, int seconds) {
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

// One call with one request: each answer is handed on; false ends it.
class Stream final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Stream(grpc::GenericStub* stub, const std::string& method, const std::string& request, int seconds,
         std::function<bool(const std::string&)> on_answer)
      : request_(ToBuffer(request)), on_answer_(std::move(on_answer)) {
    SetDeadline(&context_, seconds);
    stub->PrepareBidiStreamingCall(&context_, method, {}, this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&answer_);
    StartCall();
  }

  Status Wait() { return done_.get_future().get(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (on_answer_(ToString(answer_))) {
      StartRead(&answer_);
    } else {
      ended_by_us_ = true;
      context_.TryCancel();
    }
  }

  void OnDone(const Status& status) override { done_.set_value(ended_by_us_ ? Status::OK : status); }

 private:
  ClientContext context_;
  ByteBuffer request_;
  ByteBuffer answer_;
  std::function<bool(const std::string&)> on_answer_;
  bool ended_by_us_ = false;
  std::promise<Status> done_;
};

class MixedClient {
 public:
  MixedClient(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    // a connection of its own, as other processes have one
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(address, credentials, arguments));
  }

  Status Check() {
    ClientContext context;
    SetDeadline(&context, 20);
    ByteBuffer request = ToBuffer(Request("up"));
    ByteBuffer answer;
    std::promise<Status> done;
    stub_->UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &answer,
                     [&done](Status status) { done.set_value(std::move(status)); });
    Status status = done.get_future().get();
    if (status.ok() && ToString(answer) != kServing) return Status(StatusCode::INTERNAL, "not SERVING");
    return status;
  }

  Status Reflect() {
    bool listed = false;
    Stream stream(stub_.get(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", std::string("\x3a\x00", 2),
                  20, [&listed](const std::string& answer) {
                    listed = answer.find("grpc.health.v1.Health") != std::string::npos;
                    return true;
                  });
    Status status = stream.Wait();
    if (status.ok() && !listed) return Status(StatusCode::INTERNAL, "the services are not listed");
    return status;
  }

  Status HealthFirst() { return First({Check(), Reflect(), Check()}); }

  Status ReflectionFirst() { return First({Reflect(), Check()}); }

  Status Mixed() {
    std::vector<int> order(220);
    for (int index = 0; index < 220; ++index) order[index] = index;
    std::shuffle(order.begin(), order.end(), std::mt19937(std::random_device()()));
    std::vector<std::future<Status>> calls;
    for (int index : order)
      calls.push_back(std::async(std::launch::async, [this, index] { return index < 20 ? Reflect() : Check(); }));
    std::vector<Status> results;
    for (std::future<Status>& call : calls) results.push_back(call.get());
    return First(results);
  }

  Status Watch() {
    std::thread asking;
    bool serving = false;
    Stream stream(stub_.get(), "/grpc.health.v1.Health/Watch", Request("changing"), 60,
                  [this, &asking, &serving](const std::string& answer) {
                    serving = answer == kServing;
                    if (!serving && !asking.joinable()) asking = std::thread([this] { ReflectAloud(); });
                    return !serving;
                  });
    Status status = stream.Wait();
    if (asking.joinable()) asking.join();
    if (status.ok() && !serving) return Status(StatusCode::INTERNAL, "the Watch ended");
    return status;
  }

 private:
  void ReflectAloud() {
    Status status = Reflect();
    std::cout << (status.ok() ? "watching" : status.error_message()) << std::endl;
  }

  static Status First(const std::vector<Status>& results) {
    for (const Status& status : results)
      if (!status.ok()) return status;
    return Status::OK;
  }

  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const std::map<std::string, Status (MixedClient::*)()> parts = {
      {"health-first", &MixedClient::HealthFirst},
      {"reflection-first", &MixedClient::ReflectionFirst},
      {"mixed", &MixedClient::Mixed},
      {"watch", &MixedClient::Watch},
  };
  MixedClient client(arguments[1], count > 3 ? Trusting(arguments[3]) : grpc::InsecureChannelCredentials());
  Status status = (client.*parts.at(arguments[2]))();
  std::cout << (status.ok() ? "ok" : std::to_string(status.error_code()) + " " + status.error_message()) << std::endl;
  return 0;
}
