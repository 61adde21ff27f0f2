// Files that a user hands over: regular ones are read, nothing that could block is waited for.
#include "core/files/read.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/error.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;

class Reading : public ::testing::Test {
 protected:
  Reading() {
    std::string name = (fs::temp_directory_path() / "filigree-read-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::ofstream(folder_ + "/text") << "two\nlines";
  }
  ~Reading() override { fs::remove_all(folder_); }

  static std::string refusal(const std::string& path) {
    try {
      read_file(path);
    } catch (const DataError& error) {
      const std::string what = error.what();
      EXPECT_EQ(what.rfind(path + ": ", 0), 0u) << what;
      return what.substr(path.size() + 2);
    }
    return "";
  }

  std::string folder_;
};

TEST_F(Reading, TakesRegularFilesThroughLinks) {
  EXPECT_EQ(read_file(folder_ + "/text"), "two\nlines");
  fs::create_symlink("text", folder_ + "/link");
  EXPECT_EQ(read_file(folder_ + "/link"), "two\nlines");
  EXPECT_EQ(read_file_or_stream(folder_ + "/link"), "two\nlines");
}

TEST_F(Reading, RefusesWhatIsNoRegularFile) {
  const std::string odd = "is a pipe, a socket or a device; a regular file is expected";
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal(folder_ + "/pipe"), odd);
  EXPECT_EQ(refusal("/dev/zero"), odd);
  EXPECT_EQ(refusal("/dev/null"), odd);
  EXPECT_EQ(refusal(folder_), "is a directory; a file is expected");
  EXPECT_EQ(refusal(folder_ + "/none"), "there is no such file");
  EXPECT_EQ(refusal(folder_ + "/text/below"), "there is no such file");
  fs::create_symlink("loop", folder_ + "/loop");
  EXPECT_EQ(refusal(folder_ + "/loop"), "cannot be opened: Too many levels of symbolic links");
}

TEST_F(Reading, ASocketIsRefused) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder_ + "/socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(refusal(folder_ + "/socket"), "");
  ::close(socket);
}

TEST_F(Reading, AnOpenStreamIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    const std::string text(200000, 'x');
    EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
  });
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  EXPECT_EQ(read_file_or_stream(path).size(), 200000u);
  writer.join();
  ::close(ends[0]);
  EXPECT_THROW(read_file(path), DataError) << "only where a stream is expected";
}

TEST_F(Reading, TooMuchIsRefused) {
  EXPECT_EQ(read_file_or_stream(folder_ + "/text", 9), "two\nlines");
  EXPECT_THROW(read_file_or_stream(folder_ + "/text", 8), DataError);
}

}  // namespace
}  // namespace filigree::files
