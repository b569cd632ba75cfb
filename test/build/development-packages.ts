/** Packages of bookworm that developers install most: compilers, interpreters, tools, and the headers of libraries. */
export const developmentPackages: readonly string[] = `
  build-essential gcc g++ make cmake ninja-build meson autoconf automake libtool pkg-config pkgconf bison flex
  gettext intltool m4 patch dpkg-dev debhelper devscripts fakeroot lintian quilt git git-lfs subversion
  mercurial cvs gdb gdbserver valgrind strace ltrace binutils binutils-dev ccache distcc cppcheck clang
  clang-format clang-tidy clang-tools lldb lld llvm llvm-dev libclang-dev libc6-dev linux-libc-dev
  libstdc++-12-dev libgcc-12-dev gfortran gcc-multilib g++-multilib gcc-doc nasm yasm python3 python3-dev
  python3-pip python3-venv python3-setuptools python3-wheel python3-pytest python3-numpy python3-scipy
  python3-matplotlib python3-pandas python3-requests python3-yaml python3-lxml python3-pil python3-sphinx
  python3-flake8 python3-mypy pylint ipython3 cython3 tox pipx perl libperl-dev ruby ruby-dev bundler rake
  php-cli php-dev composer nodejs npm golang-go rustc cargo default-jdk default-jdk-headless maven gradle ant
  openjdk-17-jdk openjdk-17-jdk-headless ghc cabal-install ocaml opam erlang-base elixir lua5.4 liblua5.4-dev
  tcl-dev tk-dev r-base r-base-dev octave guile-3.0 sbcl libssl-dev libcurl4-openssl-dev libgnutls28-dev
  libgcrypt20-dev libsodium-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev liblz4-dev libsnappy-dev
  libxml2-dev libxslt1-dev libexpat1-dev libyaml-dev libjson-c-dev libjansson-dev nlohmann-json3-dev
  libprotobuf-dev protobuf-compiler libpq-dev libsqlite3-dev libmariadb-dev default-libmysqlclient-dev
  libhiredis-dev libldap2-dev libsasl2-dev unixodbc-dev libglib2.0-dev libgtk-3-dev libgtk-4-dev libgtk2.0-dev
  libcairo2-dev libpango1.0-dev libgdk-pixbuf-2.0-dev libatk1.0-dev libdbus-1-dev libudev-dev libsystemd-dev
  libusb-1.0-0-dev libpam0g-dev libcap-dev libseccomp-dev libselinux1-dev libattr1-dev libacl1-dev
  libfuse3-dev libaio-dev liburing-dev libelf-dev libdw-dev libunwind-dev libnuma-dev libx11-dev libxext-dev
  libxrandr-dev libxi-dev libxcursor-dev libxinerama-dev libxft-dev libxkbcommon-dev libwayland-dev
  libgl1-mesa-dev libgl-dev libegl-dev libglu1-mesa-dev freeglut3-dev libglfw3-dev libsdl2-dev libvulkan-dev
  libjpeg-dev libpng-dev libtiff-dev libwebp-dev libgif-dev libfreetype-dev libfontconfig-dev libharfbuzz-dev
  librsvg2-dev imagemagick libmagickwand-dev libavcodec-dev libavformat-dev libswscale-dev libasound2-dev
  libpulse-dev libogg-dev libvorbis-dev libflac-dev libsndfile1-dev libopus-dev libgstreamer1.0-dev
  libboost-all-dev libboost-dev libeigen3-dev libgmp-dev libmpfr-dev libmpc-dev libfftw3-dev libblas-dev
  liblapack-dev libopenblas-dev libgsl-dev libhdf5-dev libnetcdf-dev libopencv-dev libtbb-dev libopenmpi-dev
  libevent-dev libuv1-dev libev-dev libpcap-dev libnl-3-dev libmicrohttpd-dev libzmq3-dev librdkafka-dev
  libnghttp2-dev libssh2-1-dev libssh-dev libgit2-dev libncurses-dev libreadline-dev libedit-dev libgdbm-dev
  libdb-dev libffi-dev libicu-dev libpcre2-dev libpcre3-dev libonig-dev uuid-dev libblkid-dev libmount-dev
  libtinfo-dev qtbase5-dev qt6-base-dev qtbase5-dev-tools libqt5svg5-dev libwxgtk3.2-dev doxygen graphviz
  asciidoctor pandoc texinfo groff shellcheck jq curl wget rsync sqlite3 postgresql-client redis-tools
  default-mysql-client debootstrap qemu-utils docker.io podman buildah skopeo
`
  .trim()
  .split(/\s+/);
