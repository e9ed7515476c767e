package cluster

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // PBKDF2's default hash in PKCS#5; still what many tools write
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
)

// maxPBKDF2 bounds the iterations a key file may ask for: 10 million take a few
// seconds, and no tool writes more than a tenth of it.
const maxPBKDF2 = 10_000_000

var (
	errKeyPassword   = errors.New("the key's password is wrong")
	errNoKeyPassword = errors.New("the key is encrypted and no key password is set")
)

// plainKey returns the private key's PEM block without encryption. Java keeps
// password-protected keys as ENCRYPTED PRIVATE KEY (PKCS#8 with PBES2, RFC 8018),
// which the standard library does not read and no well-kept small library does.
func plainKey(b []byte, password string) ([]byte, error) {
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("no private key in PEM form")
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			if password == "" {
				return nil, errNoKeyPassword
			}
			der, err := decryptPKCS8(block.Bytes, password)
			if err != nil {
				return nil, err
			}
			return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
		case block.Headers["DEK-Info"] != "":
			return nil, errors.New("the key is in OpenSSL's old encrypted form, which is not safe; convert it with openssl pkcs8 -topk8")
		case block.Type == "PRIVATE KEY" || bytes.HasSuffix([]byte(block.Type), []byte(" PRIVATE KEY")):
			return pem.EncodeToMemory(block), nil
		}
	}
}

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct {
	KDF, Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// decryptPKCS8 undoes PBES2 with PBKDF2 and AES-CBC.
func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var k encryptedKey
	var scheme pbes2
	var kdf pbkdf2Params
	var iv []byte
	if rest, err := asn1.Unmarshal(der, &k); err != nil || len(rest) > 0 {
		return nil, errors.New("the encrypted key is damaged")
	}
	if k.Algorithm.Algorithm.String() != "1.2.840.113549.1.5.13" {
		return nil, errors.New("the key's encryption is not PBES2; convert it with openssl pkcs8 -topk8 -v2 aes256")
	}
	if _, err := asn1.Unmarshal(k.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, errors.New("the encrypted key's parameters are damaged")
	}
	if scheme.KDF.Algorithm.String() != "1.2.840.113549.1.5.12" {
		return nil, errors.New("the key's derivation is not PBKDF2; convert it with openssl pkcs8 -topk8 -v2 aes256")
	}
	if _, err := asn1.Unmarshal(scheme.KDF.Parameters.FullBytes, &kdf); err != nil {
		return nil, errors.New("the encrypted key's derivation parameters are damaged")
	}
	if kdf.Iterations < 1 || kdf.Iterations > maxPBKDF2 {
		return nil, fmt.Errorf("the key asks for %d rounds of derivation", kdf.Iterations)
	}
	sizes := map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
	size, ok := sizes[scheme.Cipher.Algorithm.String()]
	if !ok {
		return nil, errors.New("the key's cipher is not AES-CBC; convert it with openssl pkcs8 -topk8 -v2 aes256")
	}
	if _, err := asn1.Unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, errors.New("the encrypted key's cipher parameters are damaged")
	}
	hashes := map[string]func() hash.Hash{
		"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.11": sha512.New,
	}
	prf := ""
	if len(kdf.PRF.Algorithm) > 0 {
		prf = kdf.PRF.Algorithm.String()
	}
	h, ok := hashes[prf]
	if !ok {
		return nil, errors.New("the key's derivation uses a hash weir does not know; convert it with openssl pkcs8 -topk8 -v2 aes256")
	}
	key, err := pbkdf2.Key(h, password, kdf.Salt, kdf.Iterations, size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(k.Data) == 0 || len(k.Data)%aes.BlockSize != 0 {
		return nil, errors.New("the encrypted key is damaged")
	}
	out := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, k.Data)
	n := int(out[len(out)-1])
	if n < 1 || n > aes.BlockSize || !bytes.Equal(out[len(out)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errKeyPassword
	}
	out = out[:len(out)-n]
	if _, err := x509.ParsePKCS8PrivateKey(out); err != nil {
		return nil, errKeyPassword
	}
	return out, nil
}
