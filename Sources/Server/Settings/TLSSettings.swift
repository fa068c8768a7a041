import Pipeline

/// The certificate that the host shows, and its key.
struct TLSSettings: SettingGroup {
    @Setting("A PEM file with the certificate, and those between it and its root.") var certificate: FilePath
    @Setting("A PEM file with the certificate's private key.") var key: FilePath
}
