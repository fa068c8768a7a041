import CCurl
import Glibc

/// The functions of OpenSSL that are asked, of the library that libcurl has loaded.
enum OpenSSL {
    private typealias OfConnection = @convention(c) (UnsafeMutableRawPointer) -> Int32
    private typealias GetProtocol =
        @convention(c) (
            UnsafeMutableRawPointer, UnsafeMutablePointer<UnsafePointer<UInt8>?>, UnsafeMutablePointer<UInt32>
        ) -> Void

    private static let hasPending = dlsym(nil, "SSL_has_pending").map { unsafeBitCast($0, to: OfConnection.self) }
    private static let freeBuffers: OfConnection? = {
        typealias Version = @convention(c) () -> UInt
        guard let number = dlsym(nil, "OpenSSL_version_num"),
            freesBuffersSafely(unsafeBitCast(number, to: Version.self)())
        else { return nil }
        return dlsym(nil, "SSL_free_buffers").map { unsafeBitCast($0, to: OfConnection.self) }
    }()
    private static let getProtocol = dlsym(nil, "SSL_get0_alpn_selected").map {
        unsafeBitCast($0, to: GetProtocol.self)
    }

    /// Whether `SSL_free_buffers` spares what is being read: before 3.0.14, 3.1.6, 3.2.2 and 3.3.1 it does not
    /// (CVE-2024-4741).
    ///
    /// - Parameter version: As `OpenSSL_version_num` has it, 0xMNN00PP0: https://docs.openssl.org/3.0/man3/OpenSSL_version/
    static func freesBuffersSafely(_ version: UInt) -> Bool {
        let (series, patch) = (version >> 20, (version >> 4) & 0xFF)
        let firstSafe: [UInt: UInt] = [0x300: 14, 0x301: 6, 0x302: 2, 0x303: 1]
        return series >= 0x300 && patch >= firstSafe[series] ?? 0
    }

    /// Whether a call's connection has bytes that were taken from the socket and not read.
    static func hasPending(_ handle: UnsafeMutableRawPointer) -> Bool {
        guard let hasPending, let connection = curl_openssl(handle) else { return false }
        return hasPending(connection) == 1
    }

    /// Frees the buffers of a call's connection; those that hold something stay.
    static func freeBuffers(of handle: UnsafeMutableRawPointer) {
        if let freeBuffers, let connection = curl_openssl(handle) { _ = freeBuffers(connection) }
    }

    /// Whether HTTP/2 was agreed on for a call's connection.
    static func speaksHTTP2(_ handle: UnsafeMutableRawPointer) -> Bool {
        guard let getProtocol, let connection = curl_openssl(handle) else { return false }
        var (name, length): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        getProtocol(connection, &name, &length)
        return UnsafeBufferPointer(start: name, count: name == nil ? 0 : Int(length)).elementsEqual("h2".utf8)
    }
}
