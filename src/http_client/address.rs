//! Which addresses may be connected to.
//!
//! An address falls in one of three classes. What a network keeps for itself (private, loopback, shared) needs a setting; what can
//! only be a mistake or an attack (link-local with the cloud's metadata services, multicast, unspecified, reserved) is never reached,
//! whatever is set. An IPv6 address that carries an IPv4 address counts as the worse of the two, because some box on the way may take
//! it apart. What is not known to be public is reserved.
//!
//! The registries: [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry/) and
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry/) special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public ones only.
    Public,
    /// Public ones, and private, loopback and shared (carrier-grade NAT) ones.
    Everywhere,
    /// Private, loopback and shared ones only: for what must not cross the internet, such as requests without TLS.
    Private,
}

impl Reach {
    /// Says whether an address may be connected to.
    ///
    /// # Errors
    /// When it may not.
    pub fn judge(self, address: IpAddr) -> Result<(), Refused> {
        let reason = match (self, Class::of(address)) {
            (Self::Public | Self::Everywhere, Class::Public) | (Self::Everywhere | Self::Private, Class::Private) => return Ok(()),
            (Self::Public, Class::Private) => "is private, which needs `allow_private = true`",
            (Self::Private, Class::Public) => "is public, which needs `https`",
            (_, Class::Reserved) => "is link-local, reserved or no single machine's, which is never allowed",
        };
        Err(Refused { address, reason })
    }
}

/// An address that must not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` {reason}")]
pub struct Refused {
    address: IpAddr,
    reason: &'static str,
}

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Public,
    Private,
    Reserved,
}

#[expect(clippy::match_same_arms, reason = "the arms are grouped by what the addresses are for")]
impl Class {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // Metadata services of clouds (Azure, Alibaba) that stand among public and shared addresses.
            [168, 63, 129, 16] | [100, 100, 100, 200] => Self::Reserved,
            [10 | 127, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Self::Private,
            // This network; link-local; protocol assignments, documentation and the 6to4 relay; benchmarks; multicast and beyond.
            [0 | 224.., ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let carried = |high: u16, low: u16| Self::of_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Private,
            // Mapped; NAT64; NAT64 within one network.
            [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
            [0x64, 0xff9b, 1, .., high, low] => carried(high, low).max(Self::Private),
            // 6to4, and Teredo, which hides the client's address behind an exclusive or.
            [0x2002, high, low, ..] => carried(high, low),
            [0x2001, 0, server_high, server_low, .., high, low] => carried(server_high, server_low).max(carried(!high, !low)),
            // Metadata services of clouds (Amazon, Google) that stand among private addresses.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Self::Reserved,
            [0xfc00..=0xfdff, ..] => Self::Private,
            // Protocol assignments and benchmarks; documentation, twice.
            [0x2001, 1..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Reserved,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: Class, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Class::of(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn public() {
        check(
            Class::Public,
            &["1.1.1.1", "17.253.144.10", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.0.1.1"],
        );
        check(Class::Public, &["223.255.255.255", "198.17.0.1", "198.20.0.1", "169.253.0.1", "11.0.0.1", "126.0.0.1", "128.0.0.1"]);
        check(
            Class::Public,
            &["2606:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "2001:200::1"],
        );
    }

    #[test]
    fn private() {
        check(
            Class::Private,
            &["10.0.0.1", "127.0.0.1", "127.255.255.254", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"],
        );
        check(
            Class::Private,
            &["::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
        );
        check(Class::Private, &["64:ff9b:1::1.1.1.1", "2001:0:101:101::80ff:fffe", "2001:0:7f00:1::fefe:fefe"]);
    }

    #[test]
    fn reserved() {
        check(
            Class::Reserved,
            &["0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
        );
        check(
            Class::Reserved,
            &["192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1"],
        );
        check(Class::Reserved, &["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"]);
        check(
            Class::Reserved,
            &["::", "::2", "::127.0.0.1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1"],
        );
        check(
            Class::Reserved,
            &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "64:ff9b:1::a9fe:a9fe", "5f00::1"],
        );
        check(
            Class::Reserved,
            &["2001:0:a9fe:a9fe::fefe:fefe", "2001:0:101:101::5601:5601", "2001:10::1", "2001:1ff::1", "4000::1"],
        );
    }

    #[track_caller]
    fn check_reach(reach: Reach, admitted: &[&str], refused: &[&str]) {
        for address in admitted {
            assert_eq!(reach.judge(address.parse().unwrap()), Ok(()), "{reach:?}");
        }
        for address in refused {
            assert!(reach.judge(address.parse().unwrap()).is_err(), "{reach:?} admits {address}");
        }
    }

    #[test]
    fn reach() {
        check_reach(Reach::Public, &["1.1.1.1"], &["127.0.0.1", "169.254.169.254"]);
        check_reach(Reach::Everywhere, &["1.1.1.1", "127.0.0.1"], &["169.254.169.254", "::"]);
        check_reach(Reach::Private, &["127.0.0.1"], &["1.1.1.1", "169.254.169.254"]);
    }
}
