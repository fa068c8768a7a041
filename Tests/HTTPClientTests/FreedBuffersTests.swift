import Testing

@testable import HTTPClient

@Suite("The buffers of a TLS connection")
struct FreedBuffersTests {
    @Test(
        "are not freed by a version of OpenSSL that would free what is being read",
        arguments: [0x1010_1170, 0x3000_00d0, 0x3010_0050, 0x3020_0010, 0x3030_0000] as [UInt])
    func unsafe(version: UInt) {
        #expect(!OpenSSL.freesBuffersSafely(version))
    }

    @Test(
        "are freed by the first version that does not, and by later ones",
        arguments: [0x3000_00e0, 0x3000_0130, 0x3010_0060, 0x3020_0020, 0x3030_0010, 0x3040_0000, 0x4000_0000] as [UInt]
    )
    func safe(version: UInt) {
        #expect(OpenSSL.freesBuffersSafely(version))
    }
}
