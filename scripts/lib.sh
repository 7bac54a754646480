# shellcheck shell=sh
# What the scripts share: where the checkout is, who the user is, how to run as him. Sourced, with `home` set to the checkout.

: "${home:?}"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

is_root() { [ "$(id -u)" = 0 ]; }

say() { printf '%s\n' "$*" >&2; }
had() { say "ok    $*"; }
did() { say "did   $*"; }
fail() {
  say "error $1"
  [ $# -lt 2 ] || say "hint  $2"
  exit 2
}

# help_if_asked "$@": what stands at the top of the script, and that was all.
help_if_asked() {
  case ${1-} in
    -h | --help)
      sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
  esac
}

home_of() { getent passwd "$1" | cut -d: -f6; }

# The user whose work this is: who called sudo, if he can work in this checkout; else the owner of the checkout. Without root, oneself.
find_user() {
  user=$(id -un)
  is_root || return 0
  user=$(stat -c %U "$home")
  [ "$user" != UNKNOWN ] || user=root
  if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && runuser -u "$SUDO_USER" -- test -w "$home"; then user=$SUDO_USER; fi
}

# Run a command as that user, with his home and without root's XDG directories. Environment and working directory stay.
as_user() {
  if [ "$user" = "$(id -un)" ]; then
    "$@"
  else
    runuser -u "$user" -- env -u XDG_RUNTIME_DIR -u XDG_STATE_HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME \
      HOME="$(home_of "$user")" USER="$user" LOGNAME="$user" "$@"
  fi
}
