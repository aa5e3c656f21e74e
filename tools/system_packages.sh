#!/bin/sh
# Brings the two things pip cannot: a font with Chinese characters (figures) and Chromium (browser tests).
# Installs them where that is possible (Debian, Ubuntu, as root or with sudo without a password), else names them.
set -eu
case "$1" in
  fonts)    packages="fonts-noto-cjk fontconfig"; have() { [ -n "$(fc-list :lang=zh 2>/dev/null | head -n 1)" ]; }
            brew="font-noto-sans-cjk-sc (macOS brings PingFang SC already)" ;;
  chromium) packages="chromium"; have() { command -v "${CHROMIUM:-chromium}" >/dev/null 2>&1; }
            brew="chromium, and set CHROMIUM to its path" ;;
  *) echo "usage: system_packages.sh fonts|chromium" >&2; exit 2 ;;
esac
have && exit 0
[ "$(uname)" = Darwin ] && [ "$1" = fonts ] && exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $sudo true 2>/dev/null; then
  echo "Installing $packages"
  # shellcheck disable=SC2086
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $packages; } >/dev/null 2>&1 || true
fi
have || {
  echo "Missing: $packages. Debian/Ubuntu: apt-get install $packages. macOS: brew install $brew." >&2
  [ "$1" = fonts ] && echo "Without it, Chinese labels in figures show as boxes." >&2
  [ "$1" = chromium ] && echo "Without it, browser tests are skipped (and fail in CI)." >&2
  [ -z "${CI:-}" ]
}
