#pragma once
/// The library in a standalone Asio loop: an IKE endpoint with its timer, and the walks of packets. CMake target `ipsecpp::asio`.
///
///     asio::io_context loop;
///     io::udp_link<ike::path> link{…};                                 // or `io::asio_udp_link` on other systems than Linux
///     io::asio_ike ike{loop.get_executor(), endpoint, host};           // host.on(event), host.send(path, octets)
///     io::asio_reader on_ike{io::asio_watch(loop.get_executor(), link.fd()), [&] { ike.receive(link); }};
///     io::asio_reader on_tun{io::asio_watch(loop.get_executor(), tun.fd()), [&] {
///         io::read_bursts(tun, std::span{packets}, [&](auto burst) { outbound.process(burst, io::asio_now(), sink, obs); });
///     }};
///     ike.settle();                                                    // after `endpoint.start` and the like
///     loop.run();
///
/// All of it runs in the handlers of one loop, one at a time: a strand where several threads run it.
#include <asio/any_io_executor.hpp>
#include <asio/ip/udp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>
#ifdef ASIO_HAS_POSIX_STREAM_DESCRIPTOR
#include <unistd.h>
#endif

#include "ipsec/core/instant.hpp"
#include "ipsec/io/datagram.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/ip/address.hpp"

namespace ipsec::io {

/// What the library is told as time in such a loop: the clock of Asio's steady timers.
[[nodiscard]] inline auto asio_now() noexcept -> instant {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return instant{std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

/// What `asio_ike` drives: `ike::v1::endpoint` and its like.
template <class E>
concept ike_endpoint = requires(E& e, instant now, byte_span scratch) {
    { e.poll_timeout() } -> std::same_as<instant>;
    { e.poll_event().has_value() } -> std::same_as<bool>;
    { e.poll_transmit(scratch).has_value() } -> std::same_as<bool>;
    { E::max_message } -> std::convertible_to<std::size_t>;
    e.handle_timeout(now);
};
/// What its user brings: the answer to each event, true but for installs that failed; and the way out for messages.
template <class H, class E>
concept ike_host = ike_endpoint<E> && requires(H& h, E& e, byte_span scratch) {
    { h.on(*e.poll_event()) } -> std::same_as<bool>;
    h.send(e.poll_transmit(scratch)->path, e.poll_transmit(scratch)->octets);
};

/// An IKE endpoint and its timer in an Asio loop. Ends with its owner: what is under way in the loop then does nothing.
template <class Endpoint, ike_host<Endpoint> Host>
class asio_ike {
public:
    /// @param endpoint  outlives this
    /// @param host      kept by value, or by reference when it is an lvalue
    template <class H>
    asio_ike(const asio::any_io_executor& where, Endpoint& endpoint, H&& host)
        : state_{std::make_shared<state>(where, endpoint, std::forward<H>(host))} {}

    /// Hands in what waits at a link (`io::datagram`), up to `most` datagrams so that others have their turn; then as `settle`.
    template <class Link> void receive(Link& link, std::size_t most = 64) {
        const auto s = state_;  // an event may end the owner of this
        const instant now = asio_now();
        for (std::size_t i = 0; i < most; ++i) {
            const auto in = link.receive(byte_span{s->incoming});
            if (!in) break;
            s->endpoint.handle_datagram(now, in->path, byte_view{in->octets});
        }
        state::settle(s);
    }
    /// Hands in one datagram, from wherever it came.
    template <class Path> void receive(const Path& path, byte_view octets) {
        const auto s = state_;
        s->endpoint.handle_datagram(asio_now(), path, octets);
        state::settle(s);
    }
    /// After anything else was asked of the endpoint (`start`, `handle`, `complete`, `close`): answers its events, sends its
    /// messages, sets the timer. Called from inside of `host.on`, it leaves that to the call that is under way.
    void settle() {
        const auto s = state_;
        state::settle(s);
    }

private:
    struct state {
        template <class H>
        state(const asio::any_io_executor& where, Endpoint& e, H&& h)
            : endpoint{e},
              host{std::forward<H>(h)},
              timer{where},
              incoming(Endpoint::max_message),
              outgoing(Endpoint::max_message) {}

        static void settle(const std::shared_ptr<state>& s) {
            if (s->settling) return;
            s->settling = true;
            struct leave {  // also when the host throws: the next call goes on from there
                bool& settling;
                ~leave() { settling = false; }
            };
            const leave on_return{s->settling};
            for (bool busy = true; busy;) {  // sending may be what brings the next event
                busy = false;
                while (auto e = s->endpoint.poll_event()) {
                    busy = true;
                    s->endpoint.answer(*e, s->host.on(*e));
                }
                while (auto tx = s->endpoint.poll_transmit(byte_span{s->outgoing})) {
                    busy = true;
                    s->host.send(tx->path, tx->octets);
                }
            }
            wait(s);
        }
        static void wait(const std::shared_ptr<state>& s) {
            const instant due = s->endpoint.poll_timeout();
            if (due == s->due) return;
            s->due = due;
            if (due == instant::never()) {
                s->timer.cancel();
                return;
            }
            using clock = std::chrono::steady_clock;
            s->timer.expires_at(
                clock::time_point{std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds{due.nanoseconds()})});
            s->timer.async_wait([weak = std::weak_ptr{s}, due](const asio::error_code& error) {
                const auto again = weak.lock();
                if (error || !again || again->due != due) return;
                again->due = instant::never();
                again->endpoint.handle_timeout(asio_now());
                settle(again);
            });
        }
        Endpoint& endpoint;
        Host host;
        asio::steady_timer timer;
        instant due = instant::never();  ///< what the timer waits for
        bool settling = false;
        std::vector<std::byte> incoming, outgoing;
    };
    std::shared_ptr<state> state_;
};
template <class Endpoint, class Host> asio_ike(const asio::any_io_executor&, Endpoint&, Host&&) -> asio_ike<Endpoint, Host>;

/// Calls `drain()` whenever a socket or descriptor is readable, until it is destroyed.
///
/// `drain` may take all that waits or a part: it is called again while something waits. It may destroy the reader.
template <class Waitable, std::invocable Drain>
class asio_reader {
public:
    /// @param waitable  an Asio socket or `asio_watch(…)`; kept by value, or by reference when it is an lvalue, and then it
    ///                  outlives the reader, which cancels what waits there
    template <class W>
    asio_reader(W&& waitable, Drain drain) : state_{std::make_shared<state>(std::forward<W>(waitable), std::move(drain))} {
        state::wait(state_);
    }
    asio_reader(asio_reader&&) noexcept = default;
    auto operator=(asio_reader&& other) noexcept -> asio_reader& {
        stop();
        state_ = std::move(other.state_);
        return *this;
    }
    ~asio_reader() { stop(); }

private:
    struct state {
        template <class W> state(W&& w, Drain&& d) : waitable{std::forward<W>(w)}, drain{std::move(d)} {}
        static void wait(const std::shared_ptr<state>& s) {
            s->waitable.async_wait(std::remove_reference_t<Waitable>::wait_read,
                                   [weak = std::weak_ptr{s}](const asio::error_code& error) {
                                       const auto again = weak.lock();
                                       if (error || !again || again->stopped) return;
                                       struct rearm {  // also when `drain` throws: then the loop's user has the exception
                                           const std::shared_ptr<state>& s;
                                           ~rearm() { if (!s->stopped) wait(s); }
                                       };
                                       const rearm on_return{again};
                                       again->drain();
                                   });
        }
        Waitable waitable;
        Drain drain;
        bool stopped = false;
    };
    void stop() noexcept {
        if (!state_) return;
        state_->stopped = true;
        asio::error_code ignored;  // NOLINTNEXTLINE: what could not be cancelled finds nobody
        state_->waitable.cancel(ignored);
        state_.reset();
    }
    std::shared_ptr<state> state_;
};
template <class Waitable, class Drain> asio_reader(Waitable&&, Drain) -> asio_reader<Waitable, Drain>;

#ifdef ASIO_HAS_POSIX_STREAM_DESCRIPTOR
/// A descriptor of somebody else's to wait for: of a TUN device, a raw socket, a `udp_socket`. It stays its owner's to read and
/// to close (what is kept here is a duplicate). Without one to be had, the reader that takes this waits for nothing.
[[nodiscard]] inline auto asio_watch(const asio::any_io_executor& where, int fd) -> asio::posix::stream_descriptor {
    asio::posix::stream_descriptor watched{where};
    const int mine = ::dup(fd);
    asio::error_code error;
    if (mine >= 0 && watched.assign(mine, error)) ::close(mine);
    return watched;
}
#endif

/// Takes packets out of a device (`tun_device`, `raw_ip_socket`) in bursts and hands each to `process(std::span<P>)`, until
/// nothing waits or `most` bursts are through, so that others have their turn.
///
/// `process` leaves the buffers where they are, or puts others there: with the same room, for the next burst.
/// @return packets taken, or the device's error if it was the first thing to come
template <class Device, packet P, std::invocable<std::span<P>> Process>
auto read_bursts(Device& device, std::span<P> buffers, Process&& process, std::size_t most = 8) {
    const auto read = [&] {
        if constexpr (requires { device.read(buffers); }) return device.read(buffers);
        else return device.receive(buffers);
    };
    auto total = read();
    for (std::size_t taken = total ? *total : 0, bursts = 1; taken > 0;) {
        process(buffers.first(taken));
        if (bursts++ >= most) break;  // a burst that is not full says nothing: a socket gives so many at a time
        const auto more = read();
        if (!more) break;
        taken = *more;
        *total += taken;
    }
    return total;
}

/// An Asio UDP socket as an `io::datagram<L, Path>`, where there is no `io/linux/udp.hpp`. It knows one local address: bind it to
/// that one. `Path` is an aggregate with a local and a remote end, each of them an address and a port (`ike::path`).
template <class Path> class asio_udp_link {
public:
    /// @param socket  open and bound; becomes non-blocking. Throws `asio::system_error` when it is neither.
    /// @param like    what the paths of this link have beside their two ends
    explicit asio_udp_link(asio::ip::udp::socket socket, const Path& like = {}) : socket_{std::move(socket)}, like_{like} {
        socket_.non_blocking(true);
        assign(like_.local, socket_.local_endpoint());
    }
    [[nodiscard]] auto receive(byte_span scratch) -> std::optional<received<Path>> {
        asio::ip::udp::endpoint from;
        asio::error_code error;
        for (int tries = 0; tries < 8; ++tries) {
            const auto n = socket_.receive_from(asio::buffer(scratch.data(), scratch.size()), from, 0, error);
            if (error == asio::error::would_block || error == asio::error::try_again) return std::nullopt;
            if (error) continue;  // what an earlier datagram met says nothing of the next one
            received<Path> r{like_, scratch.first(n)};
            assign(r.path.remote, from);
            return r;
        }
        return std::nullopt;
    }
    auto send(const Path& path, byte_view octets) -> bool {
        asio::error_code error;
        const auto n = socket_.send_to(asio::buffer(octets.data(), octets.size()), endpoint_of(path.remote), 0, error);
        return !error && n == octets.size();
    }
    /// For `asio_reader`.
    [[nodiscard]] auto socket() noexcept -> asio::ip::udp::socket& { return socket_; }
    /// The local end that paths begin with.
    [[nodiscard]] auto local() const noexcept { return like_.local; }

private:
    template <class End> static void assign(End& to, const asio::ip::udp::endpoint& from) {
        const auto set = [&](const auto& octets) {
            to.address = ip::address::of(octets.size() == 4 ? ip::family::v4 : ip::family::v6, std::as_bytes(std::span{octets}));
        };
        if (from.address().is_v4()) set(from.address().to_v4().to_bytes());
        else set(from.address().to_v6().to_bytes());
        to.port = from.port();
    }
    template <class End> static auto endpoint_of(const End& e) -> asio::ip::udp::endpoint {
        const auto as = [&]<class A>(typename A::bytes_type octets) {
            copy_octets(e.address.octets(), std::as_writable_bytes(std::span{octets}));
            return asio::ip::udp::endpoint{A{octets}, e.port};
        };
        return e.address.is_v4() ? as.template operator()<asio::ip::address_v4>({})
                                 : as.template operator()<asio::ip::address_v6>({});
    }
    asio::ip::udp::socket socket_;
    Path like_;
};

}  // namespace ipsec::io
