# Homebrew
class Mtlsprobe < Formula
  desc "Finds out why mutual TLS does not work"
  homepage "@URL@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@URL@/mtlsprobe-@VERSION@-darwin-arm64.tar.gz"
      sha256 "@darwin-arm64@"
    end
    on_intel do
      url "@URL@/mtlsprobe-@VERSION@-darwin-amd64.tar.gz"
      sha256 "@darwin-amd64@"
    end
  end

  on_linux do
    on_arm do
      url "@URL@/mtlsprobe-@VERSION@-linux-arm64.tar.gz"
      sha256 "@linux-arm64@"
    end
    on_intel do
      url "@URL@/mtlsprobe-@VERSION@-linux-amd64.tar.gz"
      sha256 "@linux-amd64@"
    end
  end

  def install
    bin.install "mtlsprobe"
    man1.install Dir["man/*.1.gz"]
    man7.install Dir["man/*.7.gz"]
    bash_completion.install "completion/mtlsprobe.bash" => "mtlsprobe"
    zsh_completion.install "completion/_mtlsprobe"
    fish_completion.install "completion/mtlsprobe.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/mtlsprobe version")
  end
end
