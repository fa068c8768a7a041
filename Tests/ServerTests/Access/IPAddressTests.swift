import Pipeline
import Testing

@testable import Server

@Suite("Addresses")
struct IPAddressTests {
    @Test(
        "an address is read and written in its usual form",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"), ("2001:DB8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1"), ("fe80::1%eth0", "fe80::1"),
        ])
    func text(text: String, written: String) {
        #expect(IPAddress(text)?.description == written)
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", "1", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4:80", "localhost", "::g", "1.2.3.4 ", "%", "[::1]",
        ])
    func noAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("a client of IPv6 is its network, of IPv4 its address")
    func network() {
        #expect(IPAddress("2001:db8::1")?.network == IPAddress("2001:db8::2")?.network)
        #expect(IPAddress("2001:db8::1")?.network != IPAddress("2001:db8:0:1::1")?.network)
        #expect(IPAddress("192.0.2.1")?.network != IPAddress("192.0.2.2")?.network)
    }

    @Test(
        "only addresses of the machine to itself are loopback",
        arguments: [
            ("127.0.0.1", true), ("127.9.8.7", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
            ("::", false), ("10.127.0.1", false), ("fe80::1", false),
        ])
    func loopback(text: String, isLoopback: Bool) {
        #expect(IPAddress(text)?.isLoopback == isLoopback)
    }

    @Test(
        "a range holds the addresses that begin with its bits",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3/8", "10.0.0.0", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
            ("2001:db8::/65", "2001:db8::7000:0:0:0", true), ("::/0", "203.0.113.9", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("192.0.2.128/25", "192.0.2.127", false),
        ])
    func range(range: String, address: String, isInside: Bool) throws {
        let address = try #require(IPAddress(address))
        #expect(AddressRange(range)?.contains(address) == isInside)
    }

    @Test(
        "what is no range is none",
        arguments: ["", "/8", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/x", "10.0.0.0/"])
    func noRange(text: String) {
        #expect(AddressRange(text) == nil)
    }
}
