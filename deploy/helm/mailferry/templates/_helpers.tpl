{{- define "mailferry.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "mailferry.selector" -}}
app.kubernetes.io/name: mailferry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mailferry.labels" -}}
{{ include "mailferry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "mailferry.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "mailferry.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "mailferry.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "mailferry.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "mailferry.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "mailferry.env" -}}
- name: MAILFERRY_CONFIG
  value: /etc/mailferry/mailferry.toml
- name: MAILFERRY_STORE__URL_FILE
  value: /run/secrets/mailferry/store-url
- name: MAILFERRY_BROKER__URL_FILE
  value: /run/secrets/mailferry/broker-url
- name: MAILFERRY_SECRETS__KEY_FILE
  value: /run/secrets/mailferry/secrets-key
- name: MAILFERRY_BLOBS__URL
  value: {{ .Values.blobs.url | quote }}
{{- with .Values.blobs.endpoint }}
- name: MAILFERRY_BLOBS__ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.blobs.region }}
- name: MAILFERRY_BLOBS__REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.existingSecret.s3AccessKeyKey }}
- name: MAILFERRY_BLOBS__ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $.Values.existingSecret.name }}, key: {{ . }}}}
{{- end }}
{{- if .Values.existingSecret.s3SecretKeyKey }}
- name: MAILFERRY_BLOBS__SECRET_KEY_FILE
  value: /run/secrets/mailferry/s3-secret-key
{{- end }}
- name: MAILFERRY_METRICS__LISTEN
  value: 0.0.0.0:9464
- name: MAILFERRY_LOG__FORMAT
  value: json
{{- end }}

{{- define "mailferry.controlEnv" -}}
- name: MAILFERRY_CONTROL__LISTEN
  value: 0.0.0.0:8464
{{- with .url }}
- name: MAILFERRY_CONTROL__URL
  value: {{ . | quote }}
{{- end }}
{{- if .tlsSecret }}
- name: MAILFERRY_CONTROL__TLS_CERTIFICATE
  value: /run/secrets/mailferry-tls/tls.crt
- name: MAILFERRY_CONTROL__TLS_KEY
  value: /run/secrets/mailferry-tls/tls.key
{{- else }}
- name: MAILFERRY_CONTROL__WITHOUT_TLS
  value: "true"
{{- end }}
{{- with .proxies }}
- name: MAILFERRY_CONTROL__PROXIES
  value: {{ toJson . | quote }}
{{- end }}
{{- end }}

{{- define "mailferry.mounts" -}}
- {name: config, mountPath: /etc/mailferry, readOnly: true}
- {name: urls, mountPath: /run/secrets/mailferry, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "mailferry.volumes" -}}
- name: config
{{- if .Values.existingConfigSecret }}
  secret: {secretName: {{ .Values.existingConfigSecret }}, defaultMode: 288}
{{- else }}
  configMap: {name: {{ .Values.existingConfigMap | default (include "mailferry.name" .) }}}
{{- end }}
- name: urls
  secret:
    secretName: {{ required "existingSecret.name is needed" .Values.existingSecret.name }}
    defaultMode: 288
    items:
      - {key: {{ .Values.existingSecret.storeUrlKey }}, path: store-url}
      - {key: {{ .Values.existingSecret.brokerUrlKey }}, path: broker-url}
      - {key: {{ .Values.existingSecret.secretsKeyKey }}, path: secrets-key}
      {{- with .Values.existingSecret.s3SecretKeyKey }}
      - {key: {{ . }}, path: s3-secret-key}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}
