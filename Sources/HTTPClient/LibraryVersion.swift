import CCurl

extension HTTPClient {
    /// The version of libcurl that runs, and those of what it uses, in its own words.
    package static var libraryVersion: String { String(cString: curl_version()) }
}
