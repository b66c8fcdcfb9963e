// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

namespace aufs::test {

inline std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A directory of its own for a test, removed with it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aufs-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string at(const std::string& relative) const { return path_ + "/" + relative; }
  // Makes a file with all directories above it.
  void file(const std::string& relative, const std::string& content) const {
    const std::filesystem::path path = at(relative);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  void dir(const std::string& relative) const { std::filesystem::create_directories(at(relative)); }
  bool exists(const std::string& relative) const {
    struct stat st {};
    return ::lstat(at(relative).c_str(), &st) == 0;
  }
  std::string content(const std::string& relative) const {
    std::ifstream in(at(relative), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  struct stat stat(const std::string& relative) const {
    struct stat st {};
    EXPECT_EQ(0, ::lstat(at(relative).c_str(), &st)) << relative;
    return st;
  }

 private:
  std::string path_;
};

}  // namespace aufs::test
