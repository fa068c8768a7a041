import Pipeline

@testable import Server

extension ClientCredential {
    /// What a user has shown.
    static func forTests(_ userID: String, name: String? = nil, key: String = "key") -> ClientCredential {
        ClientCredential(Identity(userID: userID, username: name), .key(TextDigest(key)), at: .now)
    }
}
