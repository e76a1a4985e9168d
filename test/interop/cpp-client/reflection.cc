// What grpc_cli does (`ls`, `type`, `call`), which Debian does not ship: gRPC C++ asks for reflection, and protobuf's own
// descriptor pool builds the types from the answers. The pool refuses files that protoc would not have made.
//
//   reflection ADDRESS v1|v1alpha ls                  the names of the services
//   reflection ADDRESS v1|v1alpha ls SERVICE          its definition
//   reflection ADDRESS v1|v1alpha type MESSAGE        its definition
//   reflection ADDRESS v1|v1alpha call METHOD JSON    the answer, as JSON
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

// of our own .proto file; v1 is equal on the wire
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace pb = google::protobuf;
using grpc::ByteBuffer;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

namespace {

ByteBuffer ToBuffer(const pb::Message& message) {
  grpc::Slice slice(message.SerializeAsString());
  return ByteBuffer(&slice, 1);
}

bool Parse(const ByteBuffer& buffer, pb::Message* message) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return false;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return message->ParseFromString(bytes);
}

// One reflection stream, on which a request is written after the answer to the one before was read.
class Stream final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Stream(grpc::GenericStub* stub, const std::string& version) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stub->PrepareBidiStreamingCall(&context_, "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo",
                                   {}, this);
    AddHold();
    StartCall();
  }

  ServerReflectionResponse Ask(const ServerReflectionRequest& request) {
    request_ = ToBuffer(request);
    pending_ = 2;
    StartRead(&answer_);
    StartWrite(&request_);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return pending_ == 0; });
    ServerReflectionResponse response;
    if (ok_) Parse(answer_, &response);
    return response;
  }

  grpc::Status Finish() {
    StartWritesDone();
    RemoveHold();
    return done_.get_future().get();
  }

  void OnReadDone(bool ok) override { OnOperationDone(ok); }
  void OnWriteDone(bool ok) override { OnOperationDone(ok); }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

 private:
  void OnOperationDone(bool ok) {
    std::lock_guard<std::mutex> lock(mutex_);
    ok_ = ok_ && ok;
    --pending_;
    changed_.notify_one();
  }

  grpc::ClientContext context_;
  ByteBuffer request_;
  ByteBuffer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int pending_ = 0;
  bool ok_ = true;
  std::promise<grpc::Status> done_;
};

// The files of a server, asked for when the pool needs them.
class ReflectedDatabase final : public pb::DescriptorDatabase {
 public:
  explicit ReflectedDatabase(Stream* stream) : stream_(stream) {}

  bool FindFileByName(const std::string& name, pb::FileDescriptorProto* file) override {
    if (files_.FindFileByName(name, file)) return true;
    ServerReflectionRequest request;
    request.set_file_by_filename(name);
    return Fetch(request) && files_.FindFileByName(name, file);
  }

  bool FindFileContainingSymbol(const std::string& symbol, pb::FileDescriptorProto* file) override {
    if (files_.FindFileContainingSymbol(symbol, file)) return true;
    ServerReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    return Fetch(request) && files_.FindFileContainingSymbol(symbol, file);
  }

  bool FindFileContainingExtension(const std::string& type, int number, pb::FileDescriptorProto* file) override {
    if (files_.FindFileContainingExtension(type, number, file)) return true;
    ServerReflectionRequest request;
    request.mutable_file_containing_extension()->set_containing_type(type);
    request.mutable_file_containing_extension()->set_extension_number(number);
    return Fetch(request) && files_.FindFileContainingExtension(type, number, file);
  }

  bool FindAllExtensionNumbers(const std::string& type, std::vector<int>* numbers) override {
    ServerReflectionRequest request;
    request.set_all_extension_numbers_of_type(type);
    const ServerReflectionResponse response = stream_->Ask(request);
    for (int number : response.all_extension_numbers_response().extension_number()) numbers->push_back(number);
    return response.has_all_extension_numbers_response();
  }

 private:
  bool Fetch(const ServerReflectionRequest& request) {
    const ServerReflectionResponse response = stream_->Ask(request);
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      pb::FileDescriptorProto file;
      if (file.ParseFromString(bytes) && names_.insert(file.name()).second) files_.Add(file);
    }
    return response.has_file_descriptor_response();
  }

  Stream* stream_;
  pb::SimpleDescriptorDatabase files_;
  std::set<std::string> names_;
};

class Client {
 public:
  Client(const std::string& address, const std::string& version)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        stream_(&stub_, version),
        database_(&stream_),
        pool_(&database_) {}

  std::string ListServices() {
    ServerReflectionRequest request;
    request.set_list_services("*");
    const ServerReflectionResponse response = stream_.Ask(request);
    std::string lines;
    for (const auto& service : response.list_services_response().service()) lines += service.name() + "\n";
    return lines;
  }

  template <typename Descriptor>
  static std::string Describe(const Descriptor* found) {
    return found == nullptr ? "not found\n" : found->DebugString();
  }

  std::string Service(const std::string& name) { return Describe(pool_.FindServiceByName(name)); }

  std::string Type(const std::string& name) {
    const pb::Descriptor* found = pool_.FindMessageTypeByName(name);
    std::vector<const pb::FieldDescriptor*> extensions;
    if (found != nullptr) pool_.FindAllExtensions(found, &extensions);
    return Describe(found) + std::to_string(extensions.size()) + " extensions\n";
  }

  std::string Call(const std::string& name, const std::string& json) {
    const pb::MethodDescriptor* method = pool_.FindMethodByName(name);
    if (method == nullptr) return "not found\n";
    pb::DynamicMessageFactory factory(&pool_);
    std::unique_ptr<pb::Message> request(factory.GetPrototype(method->input_type())->New());
    std::unique_ptr<pb::Message> response(factory.GetPrototype(method->output_type())->New());
    if (!pb::util::JsonStringToMessage(json, request.get()).ok()) return "not the JSON of a request\n";
    grpc::ClientContext context;
    ByteBuffer question = ToBuffer(*request);
    ByteBuffer answer;
    std::promise<grpc::Status> done;
    stub_.UnaryCall(&context, "/" + method->service()->full_name() + "/" + method->name(), {}, &question, &answer,
                    [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    if (!status.ok()) return std::to_string(status.error_code()) + " " + status.error_message() + "\n";
    std::string text;
    if (!Parse(answer, response.get()) || !pb::util::MessageToJsonString(*response, &text).ok()) return "unreadable\n";
    return text + "\n";
  }

  // The status of the reflection stream, after all that was asked.
  grpc::Status Finish() { return stream_.Finish(); }

 private:
  grpc::GenericStub stub_;
  Stream stream_;
  ReflectedDatabase database_;
  pb::DescriptorPool pool_;
};

std::string Run(Client* client, const std::vector<std::string>& words) {
  if (words[0] == "ls") return words.size() == 1 ? client->ListServices() : client->Service(words[1]);
  return words[0] == "type" ? client->Type(words[1]) : client->Call(words[1], words[2]);
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 3) return 2;
  Client client(words[0], words[1]);
  std::cout << Run(&client, {words.begin() + 2, words.end()});
  const grpc::Status status = client.Finish();
  std::cout << "stream: " << status.error_code() << " " << status.error_message() << std::endl;
  return 0;
}
